/** GraphiQL with the gateway's schema, the person's token, and ids that follow from answer to variables. */
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import type { Fetcher } from "@graphiql/toolkit";
import { GraphiQL, type GraphiQLProps } from "graphiql";
import { buildSchema, type GraphQLSchema } from "graphql";
import { useEffect, useMemo, useRef, useState } from "react";

import { connect, ENDPOINT, failed } from "./connection";
import { EXAMPLES_PLUGIN, KnownContext } from "./ExamplesPanel";
import { FIRST_TABS } from "./examples";
import { Header } from "./Header";
import { filled, type Known, learned, missing, PLACEHOLDERS } from "./placeholders";
import { keepToken, storedToken } from "./token";

const PLUGINS = [EXAMPLES_PLUGIN, HISTORY_PLUGIN];

/** What variables of the gateway's own scalars may be, as JSON Schema; null is added where the type allows it. */
const SCALARS: NonNullable<GraphiQLProps["customScalarSchemas"]> = {
  BigInt: { type: "integer" },
  Date: { type: "string", format: "date" },
  DateTime: { type: "string", format: "date-time" },
  ID: { type: ["string", "integer"] },
  JSON: { type: ["object", "array", "string", "number", "boolean"] },
  JSONObject: { type: ["object", "string"] },
  Vector: { type: ["array", "string"], items: { type: "number" } },
};

export function Console() {
  const [token, setToken] = useState(storedToken);
  const [known, setKnown] = useState<Known>({});
  const schema = useSchema();
  const fetcher = useFetcher(token, known, (answer) => setKnown((before) => learned(before, answer)));
  const use = (given: string) => {
    keepToken(given);
    setToken(given);
    setKnown({}); // ids of another organization would answer NOT_FOUND
  };
  return (
    <KnownContext value={known}>
      <Header token={token} onToken={use} />
      <GraphiQL
        fetcher={fetcher}
        {...(schema !== undefined && { schema })}
        customScalarSchemas={SCALARS}
        plugins={PLUGINS}
        visiblePlugin={EXAMPLES_PLUGIN}
        defaultTabs={FIRST_TABS}
        defaultEditorToolsVisibility="variables"
        shouldPersistHeaders={false}
        showPersistHeadersSettings={false}
        // What is written here can hold keys of providers: it goes when the tab goes.
        storage={sessionStorage}
      >
        <GraphiQL.Logo>
          <span />
        </GraphiQL.Logo>
      </GraphiQL>
    </KnownContext>
  );
}

/** The schema as the gateway publishes it, which needs no token; undefined, so that GraphiQL asks for it, where it does not. */
function useSchema(): GraphQLSchema | null | undefined {
  const [schema, setSchema] = useState<GraphQLSchema | null | undefined>(null);
  useEffect(() => {
    void published().then(setSchema);
  }, []);
  return schema;
}

async function published(): Promise<GraphQLSchema | undefined> {
  try {
    const response = await fetch(new URL("schema.graphql", ENDPOINT));
    return response.ok ? buildSchema(await response.text()) : undefined;
  } catch {
    return undefined;
  }
}

function useFetcher(token: string, known: Known, learn: (answer: unknown) => void): Fetcher {
  const connection = useMemo(() => connect(token), [token]);
  useEffect(() => connection.close, [connection]);
  const latest = useRef({ known, learn });
  latest.current = { known, learn };
  return useMemo<Fetcher>(
    () => (params, options) => {
      const variables: unknown = filled(params.variables, latest.current.known);
      const left = missing(variables);
      if (left.length) return Promise.resolve(failed(unknownIds(left)));
      const answer = connection.fetcher({ ...params, variables }, options);
      if (answer instanceof Promise) void answer.then(latest.current.learn);
      return answer;
    },
    [connection],
  );
}

function unknownIds(left: string[]): string {
  const each = left.map((placeholder) => `${placeholder} stands for the id of ${PLACEHOLDERS[placeholder]}`);
  return `${each.join("; ")}: run an operation that answers one (Overview does), or put an id there.`;
}
