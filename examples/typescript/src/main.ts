// Inserts two documents, searches them by meaning, and gives a credential a new key.

import { execute, Refused, type Gateway } from "./client.js";
import { graphql } from "./generated/gql.js";

const Insert = graphql(`
  mutation Insert($collectionId: ID!, $documents: [JSONObject!]!) {
    insertDocuments(input: { collectionId: $collectionId, documents: $documents, onConflict: REPLACE }) {
      insertedCount
      results { key status message }
    }
  }
`);

const Search = graphql(`
  query Search($collectionId: ID!, $query: String!) {
    vectorSearch(targetId: $collectionId, query: $query, first: 1) {
      edges {
        similarity
        node { __typename key ... on Document { fields createdAt } }
      }
    }
  }
`);

const Rotate = graphql(`
  mutation Rotate($credentialId: ID!, $apiKey: String!) {
    rotateCredential(input: { credentialId: $credentialId, apiKey: $apiKey }) {
      credential { name version hint }
    }
  }
`);

const documents = [
  { _id: "moby-dick", year: 1851, $vectorize: "A captain hunts a white whale across the oceans." },
  { _id: "frankenstein", year: 1818, $vectorize: "A scientist gives life to a creature and flees from it." },
];

async function main(gateway: Gateway): Promise<void> {
  const collectionId = given("COLLECTION_ID");

  const { insertDocuments } = await execute(gateway, Insert, { collectionId, documents });
  for (const { key, status } of insertDocuments?.results ?? []) {
    console.log(`${status} ${key}`);
  }

  const { vectorSearch } = await execute(gateway, Search, { collectionId, query: "hunting at sea" });
  for (const { node } of vectorSearch?.edges ?? []) {
    console.log(`nearest: ${node.key}`, node.__typename === "Document" ? node.fields["year"] : "");
  }

  const { rotateCredential } = await execute(gateway, Rotate, {
    credentialId: given("CREDENTIAL_ID"),
    apiKey: given("NEW_API_KEY"),
  });
  console.log(`${rotateCredential?.credential.name} has version ${rotateCredential?.credential.version}`);
}

function given(name: string): string {
  const value = process.env[name];
  if (!value) {
    throw new Error(`Set ${name}.`);
  }
  return value;
}

try {
  await main({ url: given("VECTORGATE_URL"), token: given("VECTORGATE_TOKEN"), byHash: process.env["BY_HASH"] === "1" });
} catch (error) {
  if (!(error instanceof Refused)) {
    throw error;
  }
  console.error(error.message);
  process.exitCode = 1;
}
