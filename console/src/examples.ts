/**
 * The operations that the console offers, one file each: `examples/NN-name.graphql`, its variables in `NN-name.json`.
 * A file begins with `# Group: Title` and a sentence on what it does.
 */
import type { GraphiQLProps } from "graphiql";

export interface Example {
  readonly group: string;
  readonly title: string;
  readonly about: string;
  /** query, mutation or subscription. */
  readonly kind: string;
  /** The operation's, which is the tab's title. */
  readonly name: string;
  readonly tab: { readonly query: string; readonly variables: string };
}

const documents = import.meta.glob<string>("./examples/*.graphql", { query: "?raw", import: "default", eager: true });
const variables = import.meta.glob<string>("./examples/*.json", { query: "?raw", import: "default", eager: true });

export const EXAMPLES: readonly Example[] = Object.keys(documents).sort().map(read);

const FIRST = [
  "Overview",
  "CreateDatabase",
  "CreateCollection",
  "InsertDocuments",
  "VectorSearch",
  "EnableIntegration",
  "AddCredential",
  "RotateCredential",
  "CreateTable",
  "JobProgress",
  "AuditEvents",
];

/** What is open at first, in this order: from nothing to a search, an account of one's own, a table, and what goes on. */
export const FIRST_TABS: NonNullable<GraphiQLProps["defaultTabs"]> = FIRST.flatMap((name) =>
  EXAMPLES.filter((example) => example.name === name).map(({ tab }) => ({ ...tab, headers: null })),
);

function read(path: string): Example {
  const document = documents[path] ?? "";
  const [heading = "", ...about] = [...document.matchAll(/^# (.*)$/gm)].map((line) => line[1] ?? "");
  const [group = "", title = ""] = heading.split(": ");
  const [, kind = "", name = ""] = /^(query|mutation|subscription) (\w+)/m.exec(document) ?? [];
  const given = variables[path.replace(/graphql$/, "json")] ?? "";
  return { group, title, about: about.join(" "), kind, name, tab: { query: document.trim(), variables: given.trim() } };
}
