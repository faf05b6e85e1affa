"""Trusted documents: on every transport those of the operator's file are executed, and no others."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from app.main import create_app
from app.settings import SettingsError
from resolvers.operation.trusted import UNTRUSTED
from tests.docs.page import DOCS, Page, named
from tests.factory import Api, Run, Running
from tests.socket_client import socket

NAME = "query Name { organization { name } }"
DATABASE = "mutation Database($name: String!) { createDatabase(input: { name: $name }) { database { name } } }"
STRANGE = "{ organization { id } }"

Body: TypeAlias = dict[str, Any]
Transport: TypeAlias = Callable[[Api, Body], Awaitable[Body]]


def identifier(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The operator's: one identifier bare, as Relay writes it, one with its prefix, as GraphQL Code Generator does."""
    path = tmp_path / "trusted.json"
    path.write_text(json.dumps({identifier(NAME): NAME, f"sha256:{identifier(DATABASE)}": DATABASE}))
    return path


@pytest.fixture
async def strict(run: Run, file: Path) -> Api:
    """A client of a gateway that executes these two documents."""
    return (await run(trusted_documents=file)).api


async def by_post(api: Api, asked: Body) -> Body:
    response = await api.http.post("/graphql", json=asked, headers={"accept": "application/graphql-response+json"})
    assert response.status_code == (400 if "errors" in response.json() else 200)
    return dict(response.json())


async def by_get(api: Api, asked: Body) -> Body:
    return dict((await api.http.get("/graphql", params=asked)).json())


async def by_stream(api: Api, asked: Body) -> Body:
    response = await api.http.post("/graphql/stream", json=asked, headers={"accept": "text/event-stream"})
    (answer,) = [line for line in response.text.splitlines() if line.startswith("data: {")]
    return dict(json.loads(answer.removeprefix("data: ")))


async def by_stream_get(api: Api, asked: Body) -> Body:
    response = await api.http.get("/graphql/stream", params=asked, headers={"accept": "text/event-stream"})
    (answer,) = [line for line in response.text.splitlines() if line.startswith("data: {")]
    return dict(json.loads(answer.removeprefix("data: ")))


async def by_socket(api: Api, asked: Body) -> Body:
    async with socket(api.url) as client:
        await client.init()
        await client.say("subscribe", id="1", payload=asked)
        message = await client.heard()
        return {"errors": message["payload"]} if message["type"] == "error" else dict(message["payload"])


TRANSPORTS = pytest.mark.parametrize("ask", [by_post, by_get, by_stream, by_stream_get, by_socket])


@TRANSPORTS
async def test_a_trusted_document_is_executed_and_another_is_refused(strict: Api, ask: Transport) -> None:
    answered = {"data": {"organization": {"name": "default"}}}
    assert await ask(strict, {"documentId": identifier(NAME)}) == answered
    assert await ask(strict, {"documentId": f"sha256:{identifier(NAME)}"}) == answered
    assert await ask(strict, {"query": NAME}) == answered
    for asked in (
        {"query": STRANGE},
        {"query": f"{NAME} "},
        {"documentId": identifier(STRANGE)},
        {"documentId": identifier(STRANGE), "query": NAME},
        {"documentId": ""},
    ):
        (error,) = (await ask(strict, asked))["errors"]
        assert (error["extensions"]["code"], error["message"]) == ("BAD_INPUT", UNTRUSTED), asked


@TRANSPORTS
async def test_without_a_file_any_text_is_executed_and_no_identifier_is_known(api: Api, ask: Transport) -> None:
    assert "errors" not in await ask(api, {"query": STRANGE})
    assert "errors" not in await ask(api, {"query": STRANGE, "documentId": identifier(NAME)})
    (error,) = (await ask(api, {"documentId": identifier(NAME)}))["errors"]
    assert error["extensions"]["code"] == "BAD_INPUT"
    assert "send the text of the document in query" in error["message"]


async def test_the_file_that_the_documentation_shows_is_served(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "trusted.json"
    path.write_text(named("persisted-documents.json", Page.read(DOCS / "how-to" / "trusted-documents.md")))
    api = (await run(trusted_documents=path)).api
    assert await by_post(api, {"documentId": identifier(NAME)}) == {"data": {"organization": {"name": "default"}}}


async def test_variables_and_the_method_count_as_for_any_document(strict: Api) -> None:
    made = await by_post(strict, {"documentId": f"sha256:{identifier(DATABASE)}", "variables": {"name": "library"}})
    assert made["data"]["createDatabase"]["database"] == {"name": "library"}
    (error,) = (await by_get(strict, {"documentId": identifier(DATABASE), "variables": '{"name": "second"}'}))["errors"]
    assert error["message"] == "Mutations are accepted in POST requests only."
    (error,) = (await by_post(strict, {"documentId": identifier(DATABASE), "variables": {}}))["errors"]
    assert "$name" in error["message"]


async def test_who_is_not_let_in_does_not_learn_what_is_trusted(strict: Api) -> None:
    async with Api(strict.url, "vg_nobody's") as stranger:
        for text in (NAME, STRANGE):
            assert (await stranger.post(text)).status_code == 401


async def test_the_schema_is_not_told_unless_its_document_is_trusted(strict: Api) -> None:
    (error,) = (await by_post(strict, {"query": "{ __schema { queryType { name } } }"}))["errors"]
    assert error["message"] == UNTRUSTED


async def test_a_document_id_that_is_no_string_is_refused(strict: Api) -> None:
    (error,) = (await by_post(strict, {"documentId": 7}))["errors"]
    assert error["message"].startswith("documentId must be a string")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "is not JSON"),
        ("[]", "must be one JSON object: the identifier of each document -> its text"),
        ('{"a": 1}', "must be one JSON object: the identifier of each document -> its text"),
        ('{"a": "{ nothing }"}', "a: Cannot query field 'nothing' on type 'Query'."),
        ('{"a": "query {"}', "a: Syntax error: Expected Name, found <EOF>."),
        ('{"sha256:a": "{ viewer { permissions } }"}', "sha256:a: this is not the SHA-256 of its document"),
        (f'{{"{"0" * 64}": "{STRANGE}"}}', f"{'0' * 64}: this is not the SHA-256 of its document"),
    ],
)
async def test_a_file_that_cannot_be_served_is_a_settings_error_that_names_the_document(
    run: Run, tmp_path: Path, content: str, problem: str
) -> None:
    path = tmp_path / "trusted.json"
    path.write_text(content)
    with pytest.raises(SettingsError) as refused:
        await run(trusted_documents=path)
    assert refused.value.problems == [f"VECTORGATE_TRUSTED_DOCUMENTS: {problem}"]


async def test_all_problems_of_a_file_are_told_at_once(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "trusted.json"
    path.write_text(json.dumps({"md5-of-one": "{ nothing }", "fine": NAME, "md5-of-two": "{"}))
    with pytest.raises(SettingsError) as refused:
        await run(trusted_documents=path)
    assert [each.split(": ")[1] for each in refused.value.problems] == ["md5-of-one", "md5-of-two"]


def test_a_file_that_cannot_be_read_is_a_settings_error(running: Running, tmp_path: Path) -> None:
    settings = running.gateway.settings.model_copy(update={"trusted_documents": tmp_path})
    gateway = replace(running.gateway, settings=settings)
    with pytest.raises(SettingsError, match="VECTORGATE_TRUSTED_DOCUMENTS: cannot be read"):
        create_app(gateway)
