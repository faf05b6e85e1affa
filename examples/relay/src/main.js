// Reads a collection to its end, a page at a time, as usePaginationFragment does in a component: there is no React here to do it.

const {
  createOperationDescriptor,
  fetchQuery,
  getPaginationMetadata,
  getPaginationVariables,
  getRequest,
  getSelector,
  getValueAtPath,
} = require("relay-runtime");
const { documents, query } = require("./Documents.js");
const { environment } = require("./environment.js");

async function main(relay, id) {
  const operation = createOperationDescriptor(getRequest(query), { id });
  const held = relay.retain(operation);
  await fetchQuery(relay, query, { id }).toPromise();
  let page = read(relay, operation);
  print(page);
  while (page.more) {
    await fetchQuery(relay, page.next, page.variables).toPromise();
    page = read(relay, operation);
    print(page);
  }
  held.dispose();
}

/** What the store knows of the connection by now, and the request for the page after it. */
function read(relay, operation) {
  const { node } = relay.lookup(operation.fragment).data;
  if (!node?.collection) {
    throw new Error("COLLECTION_ID is that of no collection that this token may see.");
  }
  const selector = getSelector(documents, node.collection);
  const { data } = relay.lookup(selector);
  const { connectionPathInFragmentData, paginationMetadata, paginationRequest } = getPaginationMetadata(documents, "main");
  const { edges, pageInfo } = getValueAtPath(data, connectionPathInFragmentData);
  return {
    name: data.name,
    keys: edges.map((edge) => edge.node.key),
    more: pageInfo.hasNextPage,
    next: paginationRequest,
    variables: getPaginationVariables("forward", 2, pageInfo.endCursor, {}, { id: data.id }, paginationMetadata),
  };
}

function print({ name, keys, more }) {
  console.log(`${name}: ${keys.join(", ")}${more ? ", …" : ""}`);
}

function given(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`Set ${name}.`);
  }
  return value;
}

main(environment(given("VECTORGATE_URL"), given("VECTORGATE_TOKEN")), given("COLLECTION_ID")).catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
