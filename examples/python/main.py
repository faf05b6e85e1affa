"""Inserts two documents, searches them by meaning, and gives a credential a new key."""

import asyncio
import os
import sys

from vectorgate_client import GraphQLClientGraphQLMultiError, Vectorgate
from vectorgate_client.search import SearchVectorSearchEdgesNodeDocument

DOCUMENTS = [
    {"_id": "moby-dick", "year": 1851, "$vectorize": "A captain hunts a white whale across the oceans."},
    {"_id": "frankenstein", "year": 1818, "$vectorize": "A scientist gives life to a creature and flees from it."},
]


async def main(collection_id: str, credential_id: str, new_key: str) -> None:
    headers = {"authorization": f"Bearer {os.environ['VECTORGATE_TOKEN']}"}
    async with Vectorgate(url=os.environ["VECTORGATE_URL"], headers=headers) as vectorgate:
        inserted = (await vectorgate.insert(collection_id, DOCUMENTS)).insert_documents
        for result in inserted.results if inserted else []:
            print(result.status.value, result.key)
        found = (await vectorgate.search(collection_id, "hunting at sea")).vector_search
        for edge in found.edges if found else []:
            year = edge.node.fields["year"] if isinstance(edge.node, SearchVectorSearchEdgesNodeDocument) else ""
            print("nearest:", edge.node.key, year)
        rotated = (await vectorgate.rotate(credential_id, new_key)).rotate_credential
        if rotated:
            print(rotated.credential.name, "has version", rotated.credential.version)


if __name__ == "__main__":
    try:
        asyncio.run(main(*(os.environ[name] for name in ("COLLECTION_ID", "CREDENTIAL_ID", "NEW_API_KEY"))))
    except GraphQLClientGraphQLMultiError as refused:
        sys.exit(
            "\n".join(f"{error.extensions['code']}: {error.message}" for error in refused.errors if error.extensions)
        )
