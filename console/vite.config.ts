/** The page and everything that it loads, as flat files with hashed names that are served under /graphql/console/. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

export default defineConfig({
  plugins: [react(), gzipped()],
  base: "./",
  build: {
    target: "es2022",
    assetsDir: "",
    license: { fileName: "licenses.md" },
    chunkSizeWarningLimit: 4000, // kB: the editor is one large chunk
    reportCompressedSize: false,
    rolldownOptions: {
      // Directives to a compiler that has been at work before these packages were published.
      onLog: (level, log, handle) => log.code !== "MODULE_LEVEL_DIRECTIVE" && handle(level, log),
    },
  },
  worker: { format: "es" }, // the GraphQL worker loads its formatter when it is first asked to format
  experimental: {
    // Files find each other beside themselves; only the page, which is /graphql itself, is elsewhere.
    renderBuiltUrl: (name, { hostType }) =>
      hostType === "html" ? `graphql/console/${name}` : { relative: true },
  },
});

/** Compressed once here, not for each browser: the gateway answers with the `.gz` beside a file. */
function gzipped(): Plugin {
  return {
    name: "gzipped",
    apply: "build",
    writeBundle({ dir = "" }, bundle) {
      for (const name of Object.keys(bundle).filter((each) => /\.(css|js|ttf)$/.test(each))) {
        writeFileSync(join(dir, `${name}.gz`), gzipSync(readFileSync(join(dir, name)), { level: 9 }));
      }
    },
  };
}
