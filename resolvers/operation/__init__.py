"""From a GraphQL document to its answer: read, checked, measured, run. Knows no entity of the domain."""
