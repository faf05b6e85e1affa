/** How operations reach the gateway: queries and mutations over HTTP, subscriptions over one WebSocket. */
import type { Fetcher, FetcherOpts, FetcherParams, FetcherReturnType } from "@graphiql/toolkit";
import { getOperationAST, Kind, parse } from "graphql";
import { createClient, type Client, type SubscribePayload } from "graphql-ws";

type Answer = Record<string, unknown>;

export interface Connection {
  fetcher: Fetcher;
  close: () => void;
}

/** The endpoint is the page's own address, so that a proxy may put it under any path. */
export const ENDPOINT = new URL(location.pathname, location.origin);

export function connect(token: string): Connection {
  const sockets = createClient({
    url: ENDPOINT.href.replace(/^http/, "ws"),
    connectionParams: () => (token ? { token } : {}),
    retryAttempts: 3,
    shouldRetry: (end) => end instanceof CloseEvent && end.code < 4000, // a refusal stays one
  });
  const fetcher = (given: FetcherParams, options?: FetcherOpts): FetcherReturnType => {
    const { params, kind } = understood(given);
    if (kind === "subscription") return subscription(sockets, params);
    return post(params, { ...(token && { authorization: `Bearer ${token}` }), ...options?.headers });
  };
  return { fetcher: fetcher as Fetcher, close: () => void sockets.dispose() };
}

export async function post(params: FetcherParams, headers: Record<string, string>): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(ENDPOINT, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json", ...headers },
      body: JSON.stringify(params),
      cache: "no-store",
      credentials: "omit",
    });
  } catch {
    return failed("The gateway cannot be reached.");
  }
  try {
    return (await response.json()) as Answer;
  } catch {
    return failed(`The answer is no JSON: ${response.status} ${response.statusText}`);
  }
}

export const failed = (message: string): Answer => ({ errors: [{ message }] });

/**
 * What is asked for. GraphiQL reads a document some moments after it has been changed: who is quicker sends it with the name
 * of the operation that was there before, and that name is left out.
 */
function understood(params: FetcherParams): { params: FetcherParams; kind?: string } {
  try {
    const document = parse(params.query);
    const { operationName, ...unnamed } = params;
    const operations = document.definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
    const named = getOperationAST(document, operationName);
    if (named) return { params, kind: named.operation };
    const [only] = operations.length === 1 ? operations : [];
    return only?.kind === Kind.OPERATION_DEFINITION ? { params: unnamed, kind: only.operation } : { params };
  } catch {
    return { params }; // no GraphQL: the gateway says what is wrong with it
  }
}

/** An observable, as GraphiQL takes it; its end by a failure is told like any other answer. */
function subscription(sockets: Client, params: FetcherParams): FetcherReturnType {
  return {
    subscribe: (observer: { next: (answer: Answer) => void; complete: () => void }) => {
      const unsubscribe = sockets.subscribe(params as SubscribePayload, {
        next: (answer) => observer.next(answer as Answer),
        complete: () => observer.complete(),
        error: (failure) => {
          observer.next(Array.isArray(failure) ? { errors: failure } : failed(told(failure)));
          observer.complete();
        },
      });
      return { unsubscribe };
    },
  } as FetcherReturnType;
}

function told(failure: unknown): string {
  if (failure instanceof CloseEvent) return failure.reason || `The socket was closed with code ${failure.code}.`;
  return failure instanceof Error ? failure.message : "The gateway cannot be reached.";
}
