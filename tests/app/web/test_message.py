"""Media types, and JSON in and out."""

from __future__ import annotations

import json

import httpx
import pytest

from app.web.message import GRAPHQL_JSON, JSON
from tests.app.web.support import Doorkeeper, asking, code, error, post, post_raw

ECHO = "query ($t: String) { echo(text: $t) }"
ITEM = "query ($d: JSONObject!) { item(document: $d) }"


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("application/json; charset=utf-8", JSON),
        ("APPLICATION/JSON", JSON),
        ("application/graphql-response+json", GRAPHQL_JSON),
        ("application/graphql-response+json, application/json;q=0.9", GRAPHQL_JSON),
        ("application/json, application/graphql-response+json", GRAPHQL_JSON),
        ("application/graphql-response+json;q=0.5, application/json", JSON),
        ("application/graphql-response+json;q=0.5, */*;q=0.1", GRAPHQL_JSON),
        ("text/html, */*;q=0.1", JSON),
        ("application/json;q=0, */*", GRAPHQL_JSON),
    ],
)
async def test_the_answer_has_the_media_type_that_is_liked_best(
    client: httpx.AsyncClient, accept: str | None, answered: str
) -> None:
    if accept is None:
        del client.headers["accept"]
    response = await post(client, '{ echo(text: "ü") }', accept)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{answered}; charset=utf-8"
    assert response.json() == {"data": {"echo": "ü"}}


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "application/xml",
        "application/json;q=0",
        "application/json;q=0, application/graphql-response+json;q=0, */*",
    ],
)
async def test_other_media_types_are_not_acceptable(client: httpx.AsyncClient, accept: str) -> None:
    response = await post(client, "{ echo }", accept)
    assert response.status_code == 406
    assert code(response) == "BAD_INPUT"


@pytest.mark.parametrize(
    "accept", ["text/html", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], ids=["html", "browser"]
)
async def test_a_browser_gets_the_page_and_needs_no_token(
    client: httpx.AsyncClient, doorkeeper: Doorkeeper, accept: str
) -> None:
    response = await client.get("/graphql", headers={"accept": accept})
    assert "GraphiQL" in response.text
    assert doorkeeper.seen == []


@pytest.mark.parametrize("content_type", [JSON, f"{JSON}; charset=utf-8", f"{JSON};charset=UTF-8", "Application/JSON"])
async def test_json_is_accepted_with_and_without_charset(client: httpx.AsyncClient, content_type: str) -> None:
    assert (await post_raw(client, '{"query": "{ echo }"}', content_type)).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/graphql", "application/x-www-form-urlencoded", "multipart/form-data"],
)
async def test_other_bodies_are_unsupported(client: httpx.AsyncClient, content_type: str) -> None:
    response = await post_raw(client, '{"query": "{ echo }"}', content_type)
    assert response.status_code == 415
    assert code(response) == "BAD_INPUT"


async def test_a_compressed_body_is_unsupported_and_named(client: httpx.AsyncClient) -> None:
    for coding, status in (("gzip", 415), ("identity", 200)):
        headers = {"content-type": JSON, "content-encoding": coding}
        response = await client.post("/graphql", content=b'{"query": "{ echo }"}', headers=headers)
        assert response.status_code == status
    refused = await client.post("/graphql", content=b"", headers={"content-type": JSON, "content-encoding": "br"})
    assert "Content-Encoding" in refused.json()["errors"][0]["message"]


async def test_lone_surrogates_reach_json_items_and_are_refused_in_text(client: httpx.AsyncClient) -> None:
    response = await post_raw(client, asking(ITEM, '{"d": {"a": "\\ud800"}}'))
    assert response.content == b'{"data":{"item":{"a":"\\ud800"}}}'
    refused = await post_raw(client, asking(ECHO, '{"t": "\\ud800"}'))
    assert error(refused)["message"] == 'Variable $t: "t" holds half of a surrogate pair.'


async def test_nul_is_refused_in_text_by_path(client: httpx.AsyncClient) -> None:
    response = await post(client, ECHO, variables={"t": "a\x00"})
    assert error(response)["message"] == 'Variable $t: "t" holds a NUL character.'


async def test_huge_integers_are_a_misfit_where_an_int_is_wanted(client: httpx.AsyncClient) -> None:
    query = "query ($n: Int!) { organization { databases(first: $n) { nodes { name } } } }"
    response = await post_raw(client, asking(query, f'{{"n": {"9" * 300}}}'))
    assert "must be Int! (a whole number of 32 bits), and is a number" in error(response)["message"]


async def test_integers_beyond_64_bits_are_answered_exactly(client: httpx.AsyncClient) -> None:
    # The surrogate makes the exact parser read the request, so that such a number gets in at all.
    response = await post_raw(client, asking(ITEM, f'{{"d": {{"a": {2**80}, "b": "\\ud800"}}}}'))
    assert json.loads(response.content)["data"]["item"]["a"] == 2**80


async def test_vectors_are_answered_as_shortest_decimals(client: httpx.AsyncClient) -> None:
    assert (await post(client, "{ vector }")).content == b'{"data":{"vector":[0.1,0.2,0.3,0.4]}}'
    assert (await post(client, "{ vector(strided: true) }")).content == b'{"data":{"vector":[0.1,0.3]}}'


async def test_deep_json_within_the_bound_is_taken_and_answered(client: httpx.AsyncClient) -> None:
    deep = "[" * 400 + "]" * 400
    response = await post_raw(client, asking(ITEM, f'{{"d": {{"a": {deep}}}}}'))
    assert response.content == b'{"data":{"item":{"a":' + deep.encode() + b"}}}"
