"""Fields that PostgreSQL writes: what it writes is what the resolvers would have answered, and where it cannot, they do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factory import Api, Running

CREDENTIAL = "id kind: __typename name hint version createdAt rotatedAt lastUsedAt"
SCOPE = "id addedAt __typename home: database { id name status createdAt kind: __typename }"
UNWRITTEN = {"credential": "previousVersion { version }", "scope": "credential { id }"}
"""What PostgreSQL does not write: beside it, the resolvers answer all."""


def asked(credential: str, scope: str) -> str:
    return f"query {{ organization {{ integrations {{ id credentials {{ {credential} scopedDatabases {{ {scope} }} }} }} }} }}"


async def filled(api: Api) -> list[str]:
    """Credentials that differ in what is null, in their scopes, and in what JSON writes otherwise; the databases' ids."""
    homes = [await api.database(f"home_{number}") for number in range(3)]
    first = await api.credential("main", key='sk-ends-with-\\"<&', databases=tuple(homes[:2]))
    await api.credential("Zwei-2", key="sk-ends-with-'/\\~", databases=tuple(homes[1:]))
    await api.credential("no_scope")
    await api(
        'mutation($id: ID!) { rotateCredential(input: {credentialId: $id, apiKey: "sk-\\"another"}) { credential { id } } }',
        id=first,
    )
    return homes


def without(value: Any, *names: str) -> Any:  # noqa: ANN401 - JSON
    """The answer without some of its members, in their order."""
    if isinstance(value, list):
        return [without(each, *names) for each in value]
    if isinstance(value, dict):
        return {name: without(each, *names) for name, each in value.items() if name not in names}
    return value


async def test_what_is_written_is_what_the_resolvers_answer(running: Running) -> None:
    await filled(running.api)
    written = await running.api(asked(CREDENTIAL, SCOPE))
    half = await running.api(asked(f"{CREDENTIAL} {UNWRITTEN['credential']}", SCOPE))
    resolved = await running.api(
        asked(f"{CREDENTIAL} {UNWRITTEN['credential']}", f"{SCOPE} {UNWRITTEN['scope']}"),
    )
    assert (
        str(written) == str(without(half, "previousVersion")) == str(without(resolved, "previousVersion", "credential"))
    )
    (openai,) = [each for each in written["organization"]["integrations"] if each["credentials"]]
    assert [len(each["scopedDatabases"]) for each in openai["credentials"]] == [2, 2, 0]


async def test_a_tree_of_credentials_and_scopes_is_one_statement_below_the_integrations(running: Running) -> None:
    await filled(running.api)
    written = await running.statements_of(asked(CREDENTIAL, SCOPE))
    assert sum("string_agg" in each for each in written) == 1
    assert not any("from vectorgate.database" in each for each in written)
    resolved = await running.statements_of(
        asked(f"name {UNWRITTEN['credential']}", f"{UNWRITTEN['scope']} database {{ name }}")
    )
    assert len(written) == 2
    assert len(resolved) > len(written)
    assert not any("string_agg" in each for each in resolved)


@pytest.mark.parametrize("unwritten", ["", UNWRITTEN["credential"]])
async def test_a_limited_token_sees_of_a_scope_what_it_may_see(running: Running, unwritten: str) -> None:
    homes = await filled(running.api)
    async with await running.api.with_token("Organization Administrator", databaseIds=homes[1:2]) as limited:
        told = await limited(asked(f"name {unwritten}", "database { name }"))
    (openai,) = [each for each in told["organization"]["integrations"] if each["credentials"]]
    home = {"database": {"name": "home_1"}}
    assert [each["scopedDatabases"] for each in openai["credentials"]] == [[home], [home], []]


@pytest.mark.parametrize("skipped", [True, False])
async def test_directives_and_fragments_decide_what_is_written(running: Running, skipped: bool) -> None:  # noqa: FBT001
    await filled(running.api)
    document = """
        query ($skipped: Boolean!) { organization { integrations { credentials { ...C scopedDatabases @skip(if: $skipped) { ...S } } } } }
        fragment C on Credential { name ... on Node { id } }
        fragment S on ScopedDatabase { database { name } }"""
    told = await running.api(document, skipped=skipped)
    found = [each for one in told["organization"]["integrations"] for each in one["credentials"]]
    assert [list(each) for each in found] == [["name", "id"] if skipped else ["name", "id", "scopedDatabases"]] * 3
