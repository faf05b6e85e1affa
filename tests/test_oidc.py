"""Tokens of an identity provider beside access tokens, on every transport: who they speak for, what they may do, when they end."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable

import pytest
from structlog.testing import capture_logs

from app.access import Permission
from app.notification import Topic
from tests.factory import CREATE_DATABASE, CREATE_TOKEN, INSERT, TOKEN, Api, Run, Running
from tests.fakes.identity import AUDIENCE, IdentityProviderFake, SigningKey
from tests.fakes.serving import serve
from tests.socket_client import socket

VIEWER = "{ viewer { organization { name } tokenName subject roles permissions databases { name } } }"
SUBJECT = "{ viewer { subject } }"
EVENTS = "subscription { auditEvents { action } }"
AUDIT = '{ organization { auditLog(first: 5, action: "create_access_token") { nodes { actor targetName outcome } } } }'
SIGN_INS = '{ organization { auditLog(first: 9, action: "sign_in") { nodes { actor outcome details } } } }'
CREATE_ROLE = "mutation R($input: CreateRoleInput!) { createRole(input: $input) { role { name } } }"
DROP_ROLE = "mutation R($input: DropRoleInput!) { dropRole(input: $input) { droppedRoleName } }"
ADMINISTRATOR, READER = "Organization Administrator", "Read-Only User"
STREAM = "/graphql/stream"


@pytest.fixture
async def provider() -> AsyncIterator[IdentityProviderFake]:
    """An identity provider with one key; in the end nothing that it was asked was wrong."""
    fake = IdentityProviderFake([SigningKey.of("ES256")])
    async with serve(fake) as url:
        fake.url = url
        yield fake
    assert fake.complaints == []


@pytest.fixture
async def running(run: Run, provider: IdentityProviderFake) -> Running:
    """A gateway that accepts that provider's tokens."""
    return await run(oidc_issuer=provider.url, oidc_audience=AUDIENCE)


def holding(running: Running, token: str) -> Api:
    return Api(running.url, token)


async def refused(running: Running, token: str) -> tuple[int, str, str]:
    """Status, code and message of a refusal of the whole request."""
    async with holding(running, token) as api:
        response = await api.post(SUBJECT)
    (error,) = response.json()["errors"]
    assert "data" not in response.json()
    return response.status_code, error["extensions"]["code"], error["message"]


# --- who it is ---
async def test_the_viewer_is_the_subject_with_the_roles_that_exist_here(
    running: Running, provider: IdentityProviderFake
) -> None:
    async with holding(running, provider.token("offline_access", READER)) as api:
        viewer = (await api(VIEWER))["viewer"]
    assert viewer == {
        "organization": {"name": "default"},
        "tokenName": None,
        "subject": "alice",
        "roles": [READER],
        "permissions": ["READ_DATA"],
        "databases": None,
    }
    assert (await running.api(VIEWER))["viewer"]["tokenName"] == "bootstrap"


async def test_roles_may_stand_deep_in_the_claims(run: Run, provider: IdentityProviderFake) -> None:
    running = await run(oidc_issuer=provider.url, oidc_audience=AUDIENCE, oidc_roles_claim="realm_access.roles")
    async with holding(running, provider.token(realm_access={"roles": [ADMINISTRATOR]})) as api:
        assert (await api(VIEWER))["viewer"]["permissions"] == list(Permission)


async def test_a_token_without_a_role_that_exists_is_refused_and_sees_nothing(
    running: Running, provider: IdentityProviderFake
) -> None:
    for token in (provider.token(), provider.token("offline_access"), provider.token(roles={"a": 1})):
        status, code, message = await refused(running, token)
        assert (status, code) == (403, "PERMISSION_DENIED")
        assert "names no role" in message
        async with socket(running.url) as client:
            await client.say("connection_init", payload={"token": token})
            assert (await client.closed())[0] == 4403
    nodes = (await running.api(SIGN_INS))["organization"]["auditLog"]["nodes"]
    assert [(each["actor"], each["outcome"]) for each in nodes] == [("oidc:alice", "PERMISSION_DENIED")] * 6
    assert {each["details"]["tokenId"] for each in nodes} == {nodes[0]["details"]["tokenId"]}


async def test_a_role_of_the_organization_s_own_counts_from_the_next_request_and_no_longer_when_it_is_dropped(
    running: Running, provider: IdentityProviderFake
) -> None:
    async with holding(running, provider.token("librarian")) as api:
        assert (await api.refusal(SUBJECT)).codes == ["PERMISSION_DENIED"]
        await running.api(CREATE_ROLE, input={"name": "librarian", "permissions": ["CREATE_DATABASE"]})
        assert (await api(VIEWER))["viewer"]["roles"] == ["librarian"]
        await api.database("library")
        await running.api(DROP_ROLE, input={"name": "librarian"})
        assert (await api.refusal(CREATE_DATABASE, input={"name": "second"})).codes == ["PERMISSION_DENIED"]


# --- what is refused ---
def forgeries(provider: IdentityProviderFake) -> list[str]:
    """Tokens that are wrong in one way each."""
    (key,) = provider.keys
    stranger = SigningKey("first", "ES256", SigningKey.of("ES256").private)
    good = provider.token(ADMINISTRATOR)
    return [
        stranger.sign(provider.claims(ADMINISTRATOR)),
        SigningKey("unheard-of", "ES256", key.private).sign(provider.claims(ADMINISTRATOR)),
        provider.token(ADMINISTRATOR, aud="another-application"),
        provider.token(ADMINISTRATOR, iss="https://mallory.example"),
        provider.token(ADMINISTRATOR, exp=1),
        provider.token(ADMINISTRATOR, exp=None),
        provider.token(ADMINISTRATOR, nbf=time.time() + 600),
        provider.token(ADMINISTRATOR, sub=None),
        provider.token(ADMINISTRATOR, more="m" * 20_000),
        key.sign(provider.claims(ADMINISTRATOR), typ="logout+jwt"),
        f"{good.rpartition('.')[0]}.",
        f"eyJhbGciOiJub25lIn0.{good.split('.')[1]}.",
    ]


async def test_all_that_is_wrong_with_a_token_is_one_refusal_and_only_the_log_tells_why(
    running: Running, provider: IdentityProviderFake
) -> None:
    tokens = forgeries(provider)
    with capture_logs() as logs:
        answers = {await refused(running, token) for token in tokens}
    assert answers == {
        (401, "UNAUTHENTICATED", "The identity provider's token is not valid (any more): sign in again.")
    }
    reasons = [entry["reason"] for entry in logs if entry["event"] == "signed_token_refused"]
    assert len(reasons) == len(tokens)
    assert len(set(reasons)) >= 9
    assert not any(part in json.dumps(logs, default=str) for token in tokens for part in token.split(".") if part)


async def test_without_the_settings_the_same_token_is_unknown(run: Run, provider: IdentityProviderFake) -> None:
    running = await run()
    status, code, message = await refused(running, provider.token(ADMINISTRATOR))
    assert (status, code) == (401, "UNAUTHENTICATED")
    assert "access token" in message
    assert provider.asked == []


async def test_an_access_token_that_is_revoked_or_none_is_refused_as_ever(running: Running) -> None:
    for token in ("vg_not-a-token", "a.b.c", f"{TOKEN}.x.y"):
        assert (await refused(running, token))[:2] == (401, "UNAUTHENTICATED")


# --- the provider ---
async def test_a_provider_that_is_away_keeps_no_server_from_starting_and_is_found_later(
    run: Run, provider: IdentityProviderFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.oidc.AGAIN_SECONDS", 0)
    provider.away = True
    running = await run(oidc_issuer=provider.url, oidc_audience=AUDIENCE)
    assert provider.asked == ["/.well-known/openid-configuration"]
    assert (await running.api(VIEWER))["viewer"]["tokenName"] == "bootstrap"
    assert (await refused(running, provider.token(READER)))[:2] == (401, "UNAUTHENTICATED")
    provider.away = False
    async with holding(running, provider.token(READER)) as api:
        assert (await api(SUBJECT))["viewer"] == {"subject": "alice"}
        provider.away = True
        assert (await api(SUBJECT))["viewer"] == {"subject": "alice"}


async def test_a_new_key_is_accepted_with_its_first_token(running: Running, provider: IdentityProviderFake) -> None:
    old = provider.token(READER)
    provider.keys = [SigningKey.of("RS256", "second")]
    async with holding(running, provider.token(READER)) as api:
        assert (await api(SUBJECT))["viewer"] == {"subject": "alice"}
    assert (await refused(running, old))[0] == 401


# --- what it does ---
async def test_an_administrator_of_the_provider_makes_an_access_token_and_the_audit_log_names_the_subject(
    running: Running, provider: IdentityProviderFake
) -> None:
    async with holding(running, provider.token(ADMINISTRATOR)) as api:
        made = (await api(CREATE_TOKEN, input={"name": "website", "roles": [READER]}))["createAccessToken"]
        too_much = await running.api.refusal(CREATE_TOKEN, input={"name": "oidc:alice", "roles": [READER]})
        assert too_much.codes == ["BAD_INPUT"]
        nodes = (await api(AUDIT))["organization"]["auditLog"]["nodes"]
    assert nodes == [
        {"actor": "bootstrap", "targetName": None, "outcome": "BAD_INPUT"},
        {"actor": "oidc:alice", "targetName": "website", "outcome": "done"},
    ]
    async with holding(running, made["secret"]) as website:
        assert (await website(SUBJECT))["viewer"] == {"subject": "website"}


async def test_what_its_roles_do_not_give_is_refused_to_the_subject_by_name(
    running: Running, provider: IdentityProviderFake
) -> None:
    async with holding(running, provider.token(READER, sub="bob")) as api:
        denied = await api.refusal(CREATE_DATABASE, input={"name": "library"})
    assert (denied.codes, denied.facts["permission"]) == (["PERMISSION_DENIED"], "CREATE_DATABASE")
    assert "'oidc:bob'" in denied.errors[0]["message"]


async def test_an_idempotency_key_belongs_to_the_subject_whatever_token_it_has(
    running: Running, provider: IdentityProviderFake
) -> None:
    collection_id = await running.api.collection(await running.api.database())
    given = {"collectionId": collection_id, "documents": [{"title": "Emma"}], "idempotencyKey": "insert-emma-2026-11"}

    async def inserted(**claims: str) -> str:
        async with holding(running, provider.token("Read/Write User", **claims)) as api:
            answer = (await api(INSERT, input=given))["insertDocuments"]
            return str(answer["results"][0]["id"])

    first = await inserted()
    assert await inserted(jti="another token") == first
    assert await inserted(sub="bob") != first


# --- every transport ---
async def test_a_token_is_accepted_on_every_transport(running: Running, provider: IdentityProviderFake) -> None:
    token = provider.token(READER)
    async with holding(running, token) as api, socket(running.url) as client:
        assert (await api.http.get("/graphql", params={"query": SUBJECT})).json()["data"]["viewer"][
            "subject"
        ] == "alice"
        assert '"alice"' in (await api.http.post(STREAM, json={"query": SUBJECT})).text
        await client.init(token)
        assert (await client.answered("1", SUBJECT))["viewer"] == {"subject": "alice"}


async def test_a_socket_and_a_stream_end_when_the_token_does(running: Running, provider: IdentityProviderFake) -> None:
    clock = Clock(running)
    token = provider.token(ADMINISTRATOR)
    async with holding(running, token) as api, socket(running.url) as client, socket(running.url) as other:
        async with api.http.stream("POST", STREAM, json={"query": EVENTS}) as response:
            await client.init(token)
            await other.init()
            clock.ahead = 600
            running.gateway.hub._heard(Topic.ACCESS_TOKEN, "some organization")  # so that the next check comes now
            assert await client.closed() == (4403, "Forbidden: the access token is not valid any more.")
            stream = "".join([text async for text in response.aiter_text()])
        assert '"UNAUTHENTICATED"' in stream
        assert (await api.post(SUBJECT)).status_code == 401
        assert (await other.answered("1", SUBJECT))["viewer"] == {"subject": "bootstrap"}


class Clock:
    """The wall clock of a gateway's identity provider, which a test can put forward."""

    def __init__(self, running: Running) -> None:
        self.ahead = 0
        provider = running.gateway.identity_provider
        assert provider is not None
        self._clock: Callable[[], float] = provider._wall_clock
        provider._wall_clock = lambda: self._clock() + self.ahead
