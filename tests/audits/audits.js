// Prints one line for each audit of GraphQL over HTTP: how it ended, its id, its name, and the reason where it is not ok.

import { auditServer } from "graphql-http";

const { VECTORGATE_URL: url, VECTORGATE_TOKEN: token } = process.env;

function fetchFn(input, init = {}) {
  return fetch(input, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } });
}

for (const { status, id, name, reason = "" } of await auditServer({ url, fetchFn })) {
  console.log([status, id, name, reason].join(" "));
}
