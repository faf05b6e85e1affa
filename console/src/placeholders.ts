/**
 * Ids from answers take the place of DATABASE_ID and the like in variables: one example can follow another without copying.
 *
 * An id says itself what it is of: it is `Kind:key` in URL-safe base64.
 */
export interface Seen {
  readonly id: string;
  /** The name beside the id, where the answer had one. */
  readonly name: string;
}

/** Placeholder -> what it stands for now. */
export type Known = Readonly<Record<string, Seen>>;

/** Placeholder -> where its id comes from, for the person who has none yet. */
export const PLACEHOLDERS: Readonly<Record<string, string>> = {
  DATABASE_ID: "a database",
  COLLECTION_ID: "a collection",
  TABLE_ID: "a table",
  CREDENTIAL_ID: "a credential",
  JOB_ID: "a job",
};

/** What is known after this answer: of each kind the first id in it, since lists come with the most telling first. */
export function learned(known: Known, answer: unknown): Known {
  const found: Record<string, Seen> = {};
  for (const seen of ids(answer)) {
    const placeholder = `${kindOf(seen.id).toUpperCase()}_ID`;
    if (Object.hasOwn(PLACEHOLDERS, placeholder)) found[placeholder] ??= seen;
  }
  return Object.keys(found).length ? { ...known, ...found } : known;
}

/** The variables with every placeholder that is known filled in. */
export function filled<T>(variables: T, known: Known): T {
  return replaced(variables, (text) => (Object.hasOwn(known, text) ? known[text]?.id : undefined) ?? text) as T;
}

/** The placeholders that are left in variables. */
export function missing(variables: unknown): string[] {
  const left = new Set<string>();
  replaced(variables, (text) => {
    if (Object.hasOwn(PLACEHOLDERS, text)) left.add(text);
    return text;
  });
  return [...left];
}

function* ids(value: unknown): Generator<Seen> {
  if (typeof value !== "object" || value === null) return;
  if ("id" in value && typeof value.id === "string") {
    yield { id: value.id, name: "name" in value && typeof value.name === "string" ? value.name : "" };
  }
  for (const inner of Object.values(value)) yield* ids(inner);
}

function kindOf(id: string): string {
  try {
    return atob(id.replaceAll("-", "+").replaceAll("_", "/")).split(":")[0] ?? "";
  } catch {
    return ""; // an id of a document, say, that a caller has made up
  }
}

function replaced(value: unknown, replace: (text: string) => string): unknown {
  if (typeof value === "string") return replace(value);
  if (Array.isArray(value)) return value.map((each) => replaced(each, replace));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, replaced(each, replace)]));
}
