// One request at a time: a generated operation goes in, its data comes out with its type.

import type { TypedDocumentString } from "./generated/graphql.js";

export interface Gateway {
  /** The endpoint: http://127.0.0.1:8000/graphql */
  url: string;
  token: string;
  /** Send the operation's hash instead of its text: for a gateway that has VECTORGATE_TRUSTED_DOCUMENTS. */
  byHash: boolean;
}

interface AnswerError {
  message: string;
  extensions: { code: string; retryable: boolean; requestId?: string };
}

/** The gateway refused. `code` is one of its reference's error codes, and `retryable` says whether to ask again. */
export class Refused extends Error {
  readonly code: string;
  readonly retryable: boolean;

  constructor({ message, extensions }: AnswerError) {
    super(`${extensions.code}: ${message}`);
    this.code = extensions.code;
    this.retryable = extensions.retryable;
  }
}

export async function execute<Data, Variables>(
  gateway: Gateway,
  document: TypedDocumentString<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  const asked = gateway.byHash ? { documentId: document.__meta__?.["hash"] } : { query: document.toString() };
  const response = await fetch(gateway.url, {
    method: "POST",
    headers: {
      accept: "application/graphql-response+json",
      authorization: `Bearer ${gateway.token}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ ...asked, variables }),
  });
  const { data, errors } = (await response.json()) as { data: Data; errors?: AnswerError[] };
  if (errors?.[0]) {
    throw new Refused(errors[0]);
  }
  return data;
}
