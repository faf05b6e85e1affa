"""A document's size is that of its fields as PostgreSQL answers them, and of its text."""

from __future__ import annotations

from tests.factory import Api


async def test_numbers_count_as_they_are_written_in_full(api: Api) -> None:
    collection_id = await api.collection(await api.database())
    inserted = await api.insert(collection_id, {"_id": 1, "n": [1e308] * 13_000}, {"_id": 2, "n": [1e308] * 12_000})
    assert [each["code"] for each in inserted["results"]] == ["LIMIT_EXCEEDED", None]
    assert "4000000 bytes" in inserted["results"][0]["message"]
    update = "mutation U($input: UpdateDocumentsInput!) { updateDocuments(input: $input) { modifiedCount } }"
    answer = await api(update, input={"collectionId": collection_id, "filter": {}, "set": {"x": 1}})
    assert answer["updateDocuments"]["modifiedCount"] == 1


async def test_the_text_counts_too(api: Api) -> None:
    collection_id = await api.local_collection()
    inserted = await api.insert(collection_id, {"$vectorize": "word " * 900_000}, {"$vectorize": "a whale"})
    assert [each["code"] for each in inserted["results"]] == ["LIMIT_EXCEEDED", None]
