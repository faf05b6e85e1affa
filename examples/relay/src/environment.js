// How Relay reaches the gateway.

const { Environment, Network, RecordSource, Store } = require("relay-runtime");

function environment(url, token) {
  const network = Network.create(async ({ text }, variables) => {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        accept: "application/graphql-response+json",
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ query: text, variables }),
    });
    const answer = await response.json();
    if (answer.errors) {
      const [{ message, extensions }] = answer.errors;
      throw new Error(`${extensions.code}: ${message}`);
    }
    return answer;
  });
  return new Environment({ network, store: new Store(new RecordSource()), getDataID });
}

/** The id of an insert's result is that of the document, which has a record of its own. */
function getDataID(value, type) {
  return type === "ItemResult" ? undefined : value.id;
}

module.exports = { environment };
