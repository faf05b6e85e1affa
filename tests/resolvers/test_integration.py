"""Integrations over HTTP: enabling, listing and deactivating (rules 4 to 6)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factory import Api, Running
from tests.resolvers.documents import (
    DEACTIVATE,
    DESCOPE,
    DROP_COLLECTION,
    ENABLE,
    ENABLED,
    NODE,
    REMOVE,
    external,
    openai,
)

ATTACHMENTS = """
query A($available: Boolean, $first: Int! = 50, $after: String) {
  organization { integration(provider: "openai") { attachments(available: $available, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor } nodes { column target { name database { name } } embedding { model credentialName } }
  } } }
}"""


async def test_enabling_twice_answers_the_same_integration(api: Api) -> None:
    first = (await api(ENABLE, provider="openai"))["enableIntegration"]
    second = (await api(ENABLE, provider="openai"))["enableIntegration"]
    assert first == second
    assert first["clientMutationId"] == "e"
    enabled = first["integration"]
    assert (enabled["kind"], enabled["provider"]["key"], enabled["credentials"]) == ("EXTERNAL", "openai", [])
    assert enabled["organization"]["name"] == "default"
    assert enabled["createdAt"].endswith("Z")
    assert await external(api) == {"openai": []}


async def test_a_hosted_integration_is_there_by_itself_and_cannot_be_deactivated(api: Api) -> None:
    listed = (await api(ENABLED))["organization"]["integrations"]
    enabled = (await api(ENABLE, provider="local"))["enableIntegration"]["integration"]
    assert enabled["id"] in [each["id"] for each in listed]
    assert (enabled["kind"], enabled["createdAt"], enabled["credentials"]) == ("HOSTED", None, [])
    assert (await api(NODE, id=enabled["id"]))["node"]["id"] == enabled["id"]

    refused = await api.refusal(DEACTIVATE, id=enabled["id"], name="Local")
    assert refused.codes == ["BAD_INPUT"]
    assert "operator" in refused.errors[0]["message"]


async def test_an_unknown_provider_is_refused_naming_those_there_are(api: Api) -> None:
    refused = await api.refusal(ENABLE, provider="OpenAI")
    assert refused.codes == ["PROVIDER_UNKNOWN"]
    assert "local, " in refused.errors[0]["message"]
    assert "openai" in refused.errors[0]["message"]
    assert await external(api) == {}


async def test_integrations_are_found_by_provider(api: Api) -> None:
    asked = """{ organization {
      off: integration(provider: "openai") { id } local: integration(provider: "local") { kind credential(name: "main") { id } }
      only: integrations(provider: "local") { provider { key } }
    } }"""
    found = (await api(asked))["organization"]
    assert found == {
        "off": None,
        "local": {"kind": "HOSTED", "credential": None},
        "only": [{"provider": {"key": "local"}}],
    }


async def test_deactivating_is_refused_naming_what_is_left_and_succeeds_when_nothing_is(api: Api) -> None:
    database_id = await api.database()
    credential_id = await api.credential(databases=(database_id,))
    books = await api.collection(database_id, "books", embedding=openai())
    films = await api.collection(database_id, "films", embedding=openai())
    integration_id = (await api(ENABLE, provider="openai"))["enableIntegration"]["integration"]["id"]

    mistyped = await api.refusal(DEACTIVATE, id=integration_id, name="openai")
    assert mistyped.codes == ["CONFIRMATION_MISMATCH"]
    refused = await api.refusal(DEACTIVATE, id=integration_id, name="OpenAI")
    assert refused.codes == ["INTEGRATION_IN_USE"]
    assert refused.facts["credentials"] == ["main"]
    assert refused.facts["attachments"] == ["library.books", "library.films"]
    assert (refused.facts["credentialCount"], refused.facts["attachmentCount"]) == (1, 2)
    assert "removeCredential" in refused.errors[0]["message"]

    await api(REMOVE, id=credential_id, name="main")
    await api(DROP_COLLECTION, id=books, name="books")
    still = await api.refusal(DEACTIVATE, id=integration_id, name="OpenAI")
    assert (still.facts["credentials"], still.facts["attachments"]) == ([], ["library.films"])
    assert await external(api) == {"openai": []}

    await api(DROP_COLLECTION, id=films, name="films")
    gone = (await api(DEACTIVATE, id=integration_id, name="OpenAI"))["deactivateIntegration"]
    assert gone["deactivatedIntegrationId"] == integration_id
    assert gone["provider"] == {"key": "openai"}
    assert "openai" not in [each["provider"]["key"] for each in gone["organization"]["integrations"]]
    assert (await api.refusal(DEACTIVATE, id=integration_id, name="OpenAI")).codes == ["NOT_FOUND"]
    assert (await api(ENABLE, provider="openai"))["enableIntegration"]["integration"]["id"] != integration_id


async def test_an_integration_is_in_use_by_a_collection_that_nobody_sees_yet(running: Running) -> None:
    api = running.api
    database_id = await api.database()
    credential_id = await api.credential(databases=(database_id,))
    await api.collection(database_id, "books", embedding=openai())
    await api(REMOVE, id=credential_id, name="main")
    await running.sql("update vectorgate.target set status = 'INITIALIZING'")
    integration_id = (await api(ENABLE, provider="openai"))["enableIntegration"]["integration"]["id"]
    refused = await api.refusal(DEACTIVATE, id=integration_id, name="OpenAI")
    assert (refused.codes, refused.facts["attachments"]) == (["INTEGRATION_IN_USE"], ["library.books"])


async def test_many_things_left_are_counted_and_the_first_twenty_named(running: Running) -> None:
    await running.api.credential("main")
    await running.sql("""
        insert into vectorgate.credential (id, organization_id, integration_id, name, sealed, hint)
        select gen_random_uuid(), organization_id, integration_id, 'extra' || n, sealed, hint
        from vectorgate.credential, generate_series(1, 30) n""")
    integration_id = (await running.api(ENABLE, provider="openai"))["enableIntegration"]["integration"]["id"]
    refused = await running.api.refusal(DEACTIVATE, id=integration_id, name="OpenAI")
    assert len(refused.facts["credentials"]) == 20
    assert refused.facts["credentialCount"] == 31
    assert "and 11 more" in refused.errors[0]["message"]


async def test_enabling_attaches_nothing_that_was_there_before(api: Api) -> None:
    collection_id = await api.collection(await api.database(), dimension=64)
    await api(ENABLE, provider="openai")
    embedding = await api(
        "query E($id: ID!) { node(id: $id) { ... on Collection { embedding { model } } } }", id=collection_id
    )
    assert embedding == {"node": {"embedding": None}}


async def attachments(api: Api, **given: object) -> dict[str, Any]:
    """The page, and `names` of what is on it."""
    found: dict[str, Any] = (await api(ATTACHMENTS, **given))["organization"]["integration"]["attachments"]
    targets = [each["target"] for each in found["nodes"]]
    return found | {"names": [f"{each['database']['name']}.{each['name']}" for each in targets]}


async def test_attachments_are_paged_and_told_apart_by_whether_they_can_embed(api: Api) -> None:
    library, archive = await api.database("library"), await api.database("archive")
    credential_id = await api.credential(databases=(library, archive))
    for database_id, name in ((library, "books"), (archive, "books"), (library, "films")):
        await api.collection(database_id, name, embedding=openai())
    await api(DESCOPE, credential=credential_id, database=archive, name="archive")

    first = await attachments(api, first=2)
    assert (first["names"], first["totalCount"]) == (["library.books", "archive.books"], 3)
    assert first["nodes"][0]["embedding"] == {"model": "text-embedding-3-small", "credentialName": "main"}
    assert first["nodes"][0]["column"] is None
    rest = await attachments(api, first=2, after=first["pageInfo"]["endCursor"])
    assert (rest["names"], rest["pageInfo"]["hasNextPage"]) == (["library.films"], False)

    able, unable = await attachments(api, available=True), await attachments(api, available=False)
    assert (able["names"], able["totalCount"]) == (["library.books", "library.films"], 2)
    assert (unable["names"], unable["totalCount"]) == (["archive.books"], 1)


@pytest.mark.parametrize("first", [0, 501])
async def test_a_page_has_1_to_500_items(api: Api, first: int) -> None:
    await api(ENABLE, provider="openai")
    refused = await api.refusal(ATTACHMENTS, first=first)
    assert (refused.codes, refused.facts["limit"], refused.facts["actual"]) == (["BAD_INPUT"], 500, first)
