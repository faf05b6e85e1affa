"""The identity provider's keys: found, renewed when it is time or a token asks for it, and kept while the provider is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from app.oidc import AGAIN_SECONDS, LATER_SECONDS, LONGEST_SECONDS, SHORTEST_SECONDS, WELL_KNOWN, IdentityProvider
from app.signed_token import TokenRefusedError
from providers.fetch import Fetched, FetchError
from tests.fakes.identity import AUDIENCE, DISCOVERY, JWKS, IdentityProviderFake, SigningKey

FIRST, SECOND, THIRD = (SigningKey.of("ES256", name) for name in ("first", "second", "third"))
URL = "https://login.example/tenant"


class Place:
    """An identity provider as the gateway sees it, without a network; `fetches` counts the pairs of documents."""

    def __init__(self, *keys: SigningKey, url: str = URL) -> None:
        self.fake = IdentityProviderFake(list(keys), url)
        self.time = 1000.0
        self.away = False
        self.max_age: int | None = None
        self.asked: list[str] = []
        self.documents: dict[str, Any] = {}
        self.later = 0.0
        """Seconds that the clock on the wall is ahead of the world's."""
        self.provider = IdentityProvider(
            url, AUDIENCE, self.fetch, clock=lambda: self.time, wall_clock=lambda: time.time() + self.later
        )

    async def fetch(self, url: str) -> Fetched:
        self.asked.append(url)
        await asyncio.sleep(0)
        if self.away:
            raise FetchError("it is away")
        path = url.removeprefix(self.fake.url.rstrip("/"))
        found = self.documents.get(path, {DISCOVERY: self.fake.metadata, JWKS: self.fake.key_set}.get(path))
        return Fetched(found if isinstance(found, bytes) else orjson.dumps(found), self.max_age)

    @property
    def fetches(self) -> int:
        return sum(url.endswith(WELL_KNOWN) for url in self.asked)

    async def accepts(self, key: SigningKey) -> bool:
        """Whether a token that this key signs is accepted now."""
        try:
            return (await self.provider.claims(key.sign(self.fake.claims()))).sub == "alice"
        except TokenRefusedError:
            return False


async def test_keys_are_found_where_the_metadata_says_and_asked_for_once() -> None:
    place = Place(FIRST, SECOND)
    assert [await place.accepts(key) for key in (FIRST, SECOND, FIRST)] == [True, True, True]
    assert place.asked == [f"{URL}/.well-known/openid-configuration", f"{URL}/keys"]


async def test_a_slash_at_the_issuer_s_end_stays_in_its_name_and_is_not_doubled_in_the_address() -> None:
    place = Place(FIRST, url="https://login.example/")
    place.documents[DISCOVERY] = place.fake.metadata | {"jwks_uri": "https://login.example/keys"}
    assert await place.accepts(FIRST)
    assert place.asked[0] == "https://login.example/.well-known/openid-configuration"


async def test_a_new_key_is_fetched_at_once_however_often_keys_change() -> None:
    place = Place(FIRST)
    assert await place.accepts(FIRST)
    for fetches, key in ((2, SECOND), (3, THIRD)):
        place.fake.keys = [key]
        assert await place.accepts(key)
        assert place.fetches == fetches
    assert not await place.accepts(FIRST)


async def test_made_up_key_ids_cause_one_fetch_in_a_while() -> None:
    place = Place(FIRST)
    assert await place.accepts(FIRST)
    strange = [SigningKey(f"made-up {number}", "ES256", SECOND.private) for number in range(20)]
    assert not any(await asyncio.gather(*map(place.accepts, strange)))
    assert place.fetches == 2
    place.time += LATER_SECONDS
    assert not await place.accepts(strange[0])
    assert place.fetches == 3
    assert await place.accepts(FIRST)


async def test_those_who_wait_for_keys_share_one_fetch() -> None:
    place = Place(FIRST)
    assert all(await asyncio.gather(*(place.accepts(FIRST) for _ in range(20))))
    assert place.fetches == 1
    place.fake.keys.append(SECOND)
    assert all(await asyncio.gather(*(place.accepts(SECOND) for _ in range(20))))
    assert place.fetches == 2


@pytest.mark.parametrize(
    ("max_age", "seconds"), [(None, LONGEST_SECONDS), (300, 300), (0, SHORTEST_SECONDS), (86400, LONGEST_SECONDS)]
)
async def test_a_key_that_is_taken_back_counts_until_keys_are_renewed(max_age: int | None, seconds: int) -> None:
    place = Place(FIRST, SECOND)
    place.max_age = max_age
    assert await place.accepts(FIRST)
    place.fake.keys = [SECOND]
    place.time += seconds - 1
    assert await place.accepts(FIRST)
    place.time += 1
    assert not await place.accepts(FIRST)
    assert await place.accepts(SECOND)


async def test_known_keys_count_while_the_provider_is_away_and_it_is_asked_now_and_then() -> None:
    place = Place(FIRST)
    assert await place.accepts(FIRST)
    place.away = True
    place.time += LONGEST_SECONDS
    assert [await place.accepts(FIRST) for _ in range(3)] == [True] * 3
    assert place.fetches == 2
    place.time += LATER_SECONDS
    assert await place.accepts(FIRST)
    assert place.fetches == 3


async def test_a_provider_that_was_away_at_first_is_asked_again_soon() -> None:
    place = Place(FIRST)
    place.away = True
    with capture_logs() as logs:
        await place.provider.meet()
        assert not await place.accepts(FIRST)
    assert logs == [
        {"event": "identity_provider_is_away", "issuer": URL, "reason": "it is away", "log_level": "warning"}
    ]
    place.away = False
    place.time += AGAIN_SECONDS
    assert await place.accepts(FIRST)


async def test_whoever_gives_up_waiting_leaves_the_fetch_to_the_next() -> None:
    place = Place(FIRST)
    impatient = asyncio.create_task(place.accepts(FIRST))
    patient = asyncio.create_task(place.accepts(FIRST))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient
    assert impatient.cancelled()


def metadata(**more: object) -> Callable[[Place], None]:
    return lambda place: place.documents.update({DISCOVERY: place.fake.metadata | more})


def key_set(document: object) -> Callable[[Place], None]:
    return lambda place: place.documents.update({JWKS: document})


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (metadata(issuer="https://mallory.example"), "its metadata is of another issuer than the one that is set"),
        (metadata(issuer=f"{URL}/"), "its metadata is of another issuer than the one that is set"),
        (metadata(jwks_uri="http://login.example/keys"), "what it answered is not what the standard has: jwks_uri"),
        (metadata(jwks_uri="file:///keys"), "what it answered is not what the standard has: jwks_uri"),
        (metadata(jwks_uri=None), "what it answered is not what the standard has: jwks_uri"),
        (key_set({}), "what it answered is not what the standard has: keys"),
        (key_set({"keys": {}}), "what it answered is not what the standard has: keys"),
        (key_set(b"<html>"), "what it answered is not what the standard has: no JSON object"),
        (key_set(b"[" * 5000), "what it answered is not what the standard has: no JSON object"),
    ],
)
async def test_what_is_no_metadata_or_no_key_set_changes_nothing(wrong: Callable[[Place], None], reason: str) -> None:
    place = Place(FIRST)
    assert await place.accepts(FIRST)
    wrong(place)
    place.time += LONGEST_SECONDS
    with capture_logs() as logs:
        assert await place.accepts(FIRST)
    assert [entry["reason"] for entry in logs] == [reason]


async def test_a_provider_that_never_ends_its_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.oidc.FETCH_SECONDS", 0.01)

    async def silence(_url: str) -> Fetched:
        await asyncio.Event().wait()
        raise AssertionError

    with capture_logs() as logs, pytest.raises(TokenRefusedError):
        await IdentityProvider(URL, AUDIENCE, silence).claims(FIRST.sign(Place(FIRST).fake.claims()))
    assert [entry["reason"] for entry in logs] == ["it did not answer within 0.01 seconds"]


async def test_keys_that_cannot_be_used_are_passed_over_and_none_at_all_is_told() -> None:
    place = Place(FIRST)
    place.documents[JWKS] = {"keys": [5, {"kty": "oct", "k": "AAAA"}, FIRST.jwk]}
    assert await place.accepts(FIRST)
    place.documents[JWKS] = {"keys": []}
    place.time += LONGEST_SECONDS
    with capture_logs() as logs:
        assert not await place.accepts(FIRST)
    assert "identity_provider_has_no_keys" in [entry["event"] for entry in logs]


async def test_a_token_stands_by_the_keys_that_are_known_and_nothing_is_fetched() -> None:
    place = Place(FIRST)
    token = FIRST.sign(place.fake.claims())
    assert not place.provider.standing([token])
    await place.provider.claims(token)
    assert place.provider.standing([token])
    wrong = [SECOND.sign(place.fake.claims()), FIRST.sign(place.fake.claims(exp=1)), "eyJ.a.b"]
    assert place.provider.standing([token, *wrong]) == {token}
    assert place.fetches == 1


async def test_a_token_that_is_asked_about_again_and_again_is_verified_once_and_falls_with_its_time_and_its_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = Place(FIRST)
    short = FIRST.sign(place.fake.claims(exp=int(time.time()) + 100))
    long = FIRST.sign(place.fake.claims(exp=int(time.time()) + 10 * LONGEST_SECONDS))
    await place.provider.claims(short)
    assert place.provider.standing([short, long]) == {short, long}
    with monkeypatch.context() as patched:
        patched.setattr("app.oidc.verified", None)
        assert place.provider.standing([short, long]) == {short, long}
        place.later = 100
        assert place.provider.standing([short, long]) == {long}
        place.time += LONGEST_SECONDS
        await place.provider.meet()
        assert place.provider.standing([long]) == {long}, "the same key, fetched anew"
    place.fake.keys = [SECOND]
    place.time += LONGEST_SECONDS
    await place.provider.meet()
    assert place.provider.standing([long]) == set()
