// A collection's documents, page by page: the fragment says what is needed, and Relay's compiler makes the requests of it.

const { graphql } = require("relay-runtime");

const documents = graphql`
  fragment Documents_collection on Collection
  @refetchable(queryName: "DocumentsPageQuery")
  @argumentDefinitions(first: { type: "Int", defaultValue: 2 }, after: { type: "String" }) {
    name
    documents(first: $first, after: $after) @connection(key: "Documents_documents") {
      edges {
        node {
          key
        }
      }
    }
  }
`;

const query = graphql`
  query DocumentsQuery($id: ID!) {
    node(id: $id) {
      ...Documents_collection @alias(as: "collection")
    }
  }
`;

module.exports = { documents, query };
