"""What the tests of inserting read out of its answers."""

from __future__ import annotations

from typing import Any

from tests.factory import INSERT, Api


def summary(payload: dict[str, Any]) -> list[tuple[Any, ...]]:
    """(key, status, code) of each result, in the order of the items."""
    results = payload["results"]
    assert [each["index"] for each in results] == list(range(len(results)))
    for each in results:
        failed = each["status"] == "FAILED"
        assert (each["code"] is not None) == (each["message"] is not None) == (each["retryable"] is not None) == failed
        assert (each["id"] is None) == (each["key"] is None)
    assert payload["insertedCount"] == sum(each["status"] == "INSERTED" for each in results)
    return [(each["key"], each["status"], each["code"]) for each in results]


def codes(payload: dict[str, Any]) -> list[str | None]:
    """The codes of the results; None where one did not fail."""
    return [code for _, _, code in summary(payload)]


async def insert_refused(api: Api, collection_id: str, documents: list[Any], **more: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - JSON
    """Code and facts of a call that is refused as a whole."""
    refused = await api.refusal(INSERT, input={"collectionId": collection_id, "documents": documents, **more})
    [code] = refused.codes
    return code, refused.facts
