import "./workers";

import "graphiql/style.css";
import "./style.css";

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { Console } from "./Console";

// GraphiQL's own keys: its sidebar beside the rest, and operations beside answers. Examples need less than the third that it
// gives its sidebar at first, and operations some more than the half.
for (const [key, ratio] of [["graphiql:docExplorerFlex", "0.24"], ["graphiql:editorFlex", "1.3"]] as const) {
  if (!sessionStorage.getItem(key)) sessionStorage.setItem(key, ratio);
}

const place = document.getElementById("console");
if (place) {
  createRoot(place).render(
    <StrictMode>
      <Console />
    </StrictMode>,
  );
}
