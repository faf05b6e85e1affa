"""Attachments and their status over HTTP: what uses an integration, and whether it can embed now (rules 13 and 16)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.factory import SEARCH, Api, Run, Running
from tests.resolvers.documents import DESCOPE, DROP_COLLECTION, NODE, REMOVE, credential_id, openai, status

OF_CREDENTIAL = """
query Uses($id: ID!, $available: Boolean) {
  node(id: $id) { ... on Credential { attachments(available: $available) { totalCount nodes { id column target { name __typename } } } } }
}"""
OF_INTEGRATION = """
query Uses($provider: String!, $available: Boolean) {
  organization { integration(provider: $provider) { attachments(available: $available) { totalCount nodes { target { name } } } } }
}"""
FORGET_MODEL = """
update vectorgate.attachment set model = 'text-embedding-0' where target_id = (select id from vectorgate.target where name = $1)"""
WHOLE = """
query Whole($id: ID!) {
  node(id: $id) { ... on Attachment {
    id column target { id name database { name } }
    embedding { provider { key regions } integration { id } credentialName model dimension parameters status { available reason message } }
  } }
}"""


async def of_integration(api: Api, provider: str, *, available: bool | None = None) -> tuple[int, list[str]]:
    """How many uses there are, and the names of what uses it."""
    answer = await api(OF_INTEGRATION, provider=provider, available=available)
    found = answer["organization"]["integration"]["attachments"]
    return found["totalCount"], [each["target"]["name"] for each in found["nodes"]]


async def of_credential(api: Api, identifier: str, *, available: bool | None = None) -> list[dict[str, Any]]:
    found = (await api(OF_CREDENTIAL, id=identifier, available=available))["node"]["attachments"]
    assert found["totalCount"] == len(found["nodes"])
    nodes: list[dict[str, Any]] = found["nodes"]
    return nodes


async def test_an_attachment_is_read_again_by_its_id(api: Api) -> None:
    books = await api.openai_collection(dimension=64)
    [listed] = await of_credential(api, await credential_id(api))
    assert (listed["column"], listed["target"]) == (None, {"name": "books", "__typename": "Collection"})
    found = (await api(WHOLE, id=listed["id"]))["node"]
    assert found["target"] == {"id": books, "name": "books", "database": {"name": "library"}}
    assert (found["embedding"]["model"], found["embedding"]["dimension"]) == ("text-embedding-3-small", 64)
    assert found["embedding"]["status"] == {"available": True, "reason": None, "message": None}
    await api(DROP_COLLECTION, id=books, name="books")
    assert (await api(NODE, id=listed["id"]))["node"] is None
    assert await of_credential(api, await credential_id(api)) == []


async def test_a_credential_lists_what_uses_its_name_only(api: Api) -> None:
    home = await api.database()
    first, second = await api.credential("first", databases=(home,)), await api.credential("second", databases=(home,))
    await api.collection(home, "books", embedding=openai("first"))
    await api.collection(home, "films", embedding=openai("second"))
    await api.collection(home, "plain", dimension=3)
    assert [each["target"]["name"] for each in await of_credential(api, first)] == ["books"]
    assert [each["target"]["name"] for each in await of_credential(api, second)] == ["films"]


async def test_hosted_uses_are_listed_and_always_available_in_their_regions(api: Api) -> None:
    books = await api.local_collection()
    assert await of_integration(api, "local") == (1, ["books"])
    assert await of_integration(api, "local", available=True) == (1, ["books"])
    assert await of_integration(api, "local", available=False) == (0, [])
    assert (await status(api, books))["available"]


async def test_the_lists_agree_with_the_status_whatever_is_missing(run: Run, running: Running, tmp_path: Path) -> None:
    """`available` is decided in SQL, the status in Python: they must say the same."""
    api = running.api
    home, outside = await api.database("home"), await api.database("outside")
    await api.credential("kept", databases=(home, outside))
    gone = await api.credential("gone", databases=(home,))
    large = {"model": "text-embedding-3-large", "dimension": 256}
    ids = {
        "works": await api.collection(home, "works", embedding=openai("kept")),
        "removed": await api.collection(home, "removed", embedding=openai("gone")),
        "descoped": await api.collection(outside, "descoped", embedding=openai("kept")),
        "ended": await api.collection(home, "ended", embedding=openai("kept", **large)),
        "unknown": await api.collection(home, "unknown", embedding=openai("kept")),
    }
    await api(REMOVE, id=gone, name="gone")
    await api(DESCOPE, credential=await credential_id(api, "kept"), database=outside, name="outside")
    await running.sql(FORGET_MODEL, "unknown")
    ended = tmp_path / "models.toml"
    ended.write_text('[[provider.openai.models]]\nname = "text-embedding-3-large"\nstatus = "END_OF_LIFE"')

    later = (await run(models_file=ended)).api
    reasons = {name: (await status(later, each))["reason"] for name, each in ids.items()}
    assert reasons == {
        "works": None,
        "removed": "CREDENTIAL_NOT_FOUND",
        "descoped": "DATABASE_NOT_IN_SCOPE",
        "ended": "END_OF_LIFE_MODEL",
        "unknown": "MODEL_UNKNOWN",
    }
    assert await of_integration(later, "openai", available=True) == (1, ["works"])
    assert await of_integration(later, "openai", available=False) == (4, ["removed", "descoped", "ended", "unknown"])
    assert await of_integration(later, "openai") == (5, list(ids))
    for name, reason in reasons.items():
        if reason is not None:
            refused = await later.refusal(SEARCH, id=ids[name], query="whale")
            assert (refused.codes, refused.errors[0]["message"]) == (
                [reason],
                (await status(later, ids[name]))["message"],
            )


async def test_a_hosted_provider_that_the_operator_has_withdrawn_says_so_and_stays_visible(running: Running) -> None:
    api = running.api
    books = await api.local_collection()
    await api.insert(books, {"_id": "whale", "$vectorize": "a white whale"})
    await running.sql("update vectorgate.attachment set provider = 'nvidia'")
    said = await status(api, books)
    assert (said["available"], said["reason"]) == (False, "INTEGRATION_NOT_AVAILABLE_IN_REGION")
    assert "nvidia" in said["message"]
    refused = await api.refusal(SEARCH, id=books, query="whale")
    assert refused.codes == ["INTEGRATION_NOT_AVAILABLE_IN_REGION"]
    shown = "query E($id: ID!) { node(id: $id) { ... on Collection { embedding { provider { key regions } integration { kind } } } } }"
    assert (await api(shown, id=books))["node"]["embedding"] == {
        "provider": {"key": "nvidia", "regions": []},
        "integration": {"kind": "HOSTED"},
    }
    assert len((await api.search(books, vector=[1.0] * 256))["edges"]) == 1


@pytest.mark.parametrize("after", ["nonsense", "WyJ4Il0"])
async def test_a_cursor_of_something_else_is_refused(api: Api, after: str) -> None:
    asked = 'query A($after: String) { organization { integration(provider: "local") { attachments(after: $after) { totalCount } } } }'
    assert (await api.refusal(asked, after=after)).codes == ["BAD_INPUT"]
