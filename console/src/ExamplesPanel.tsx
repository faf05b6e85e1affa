/** The sidebar's list of examples: each opens in a tab. Below it, what the placeholders stand for now. */
import { type GraphiQLPlugin, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { createContext, useContext } from "react";

import { EXAMPLES, type Example } from "./examples";
import { type Known, PLACEHOLDERS } from "./placeholders";

export const KnownContext = createContext<Known>({});

const GROUPS = [...new Set(EXAMPLES.map(({ group }) => group))];

function Panel() {
  const open = useOpen();
  return (
    <section className="examples" aria-label="Examples">
      <h2>Examples</h2>
      {GROUPS.map((group) => (
        <div key={group}>
          <h3>{group}</h3>
          <ul>
            {EXAMPLES.filter((example) => example.group === group).map((example) => (
              <li key={example.title}>
                <button type="button" title={example.about} onClick={() => open(example)}>
                  <span>{example.title}</span>
                  {example.kind !== "query" && <small>{example.kind}</small>}
                </button>
              </li>
            ))}
          </ul>
        </div>
      ))}
      <Placeholders />
    </section>
  );
}

/** Goes to the tab that has the example as it stands, or opens one. */
function useOpen(): (example: Example) => void {
  const { addTab, changeTab, updateActiveTabValues } = useGraphiQLActions();
  const tabs = useGraphiQL((state) => state.tabs);
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);
  return ({ tab }) => {
    const there = tabs.findIndex(({ query }) => query?.trim() === tab.query);
    if (there >= 0) return changeTab(there);
    addTab();
    updateActiveTabValues(tab);
    queryEditor?.setValue(tab.query);
    variableEditor?.setValue(tab.variables);
  };
}

function Placeholders() {
  const known = useContext(KnownContext);
  return (
    <div>
      <h3>Ids in variables</h3>
      <dl>
        {Object.entries(PLACEHOLDERS).map(([placeholder, what]) => (
          <div key={placeholder}>
            <dt>{placeholder}</dt>
            <dd title={known[placeholder]?.id ?? `the id of ${what}, once an answer has one`}>
              {known[placeholder] ? known[placeholder].name || "known" : "–"}
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

function Icon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" aria-hidden="true">
      <path d="M4 5h10M4 12h7M4 19h10M16 9l4 3-4 3" />
    </svg>
  );
}

export const EXAMPLES_PLUGIN: GraphiQLPlugin = { title: "Examples", icon: Icon, content: Panel };
