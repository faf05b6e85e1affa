"""How many requests a minute: what counts, for whom, and what is told to whoever sends more."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from starlette.datastructures import Headers

from app.errors import RateLimited, Unauthenticated
from app.web.address import network
from app.web.rate import Holders, Rate, arrivals, limited
from tests.app.web.support import Doorkeeper
from tests.resolvers.operation.small import Context


@dataclass
class Clock:
    now: float = 6000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def taken(rate: Rate, key: str, most: int = 1000) -> int:
    """How many requests pass before one is refused."""
    for number in range(most):
        try:
            rate.take(key)
        except RateLimited:
            return number
    return most


def refusal(rate: Rate, key: str) -> RateLimited:
    with pytest.raises(RateLimited) as caught:
        rate.take(key)
    return caught.value


def test_as_many_as_the_limit_pass_and_the_next_is_refused(clock: Clock) -> None:
    rate = Rate("RATE_LIMIT_PER_TOKEN", 3, now=clock)
    assert taken(rate, "a") == 3
    refused = refusal(rate, "a")
    assert refused.extensions == {
        "code": "RATE_LIMITED",
        "family": "REQUEST",
        "retryable": True,
        "limit": 3,
        "retryAfterSeconds": 80,
    }
    assert "RATE_LIMIT_PER_TOKEN" in refused.message
    assert taken(rate, "b") == 3


@pytest.mark.parametrize("passed", [0.0, 10.0, 45.0, 59.5])
@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_who_waits_as_long_as_told_is_let_in(clock: Clock, limit: int, passed: float) -> None:
    rate = Rate("X", limit, now=clock)
    clock.now += passed
    assert taken(rate, "a") == limit
    for _ in range(3):
        clock.now += float(str(refusal(rate, "a").facts["retryAfterSeconds"]))
        rate.take("a")
        taken(rate, "a")


def test_no_minute_has_many_more_than_the_limit_wherever_it_begins(clock: Clock) -> None:
    rate, passed = Rate("X", 60, now=clock), []
    for _ in range(300):  # a request a second and a burst at each turn
        clock.now += 1
        passed += [clock.now] * taken(rate, "a", 20)
    busiest = max(sum(begin <= each < begin + 60 for each in passed) for begin in passed)
    assert 60 <= busiest <= 66
    assert len(passed) >= 5 * 55


def test_a_key_that_was_silent_for_two_minutes_is_not_kept(clock: Clock) -> None:
    rate = Rate("X", 3, now=clock)
    rate.take("a")
    clock.now += 60
    rate.check("a")
    assert len(rate) == 1
    clock.now += 60
    rate.check("a")
    assert len(rate) == 0


def test_memory_is_bounded_and_who_sends_most_is_not_the_one_forgotten(clock: Clock) -> None:
    rate = Rate("X", 2, most_keys=100, now=clock)
    assert taken(rate, "busy") == 2
    for number in range(10_000):
        rate.take(f"10.0.{number}")
        if number == 50:
            refusal(rate, "busy")
    assert len(rate) == 100
    clock.now += 60
    for number in range(10_000):
        rate.take(f"10.1.{number}")
    assert len(rate) == 200


def test_zero_is_no_limit(clock: Clock) -> None:
    rate = Rate("X", 0, now=clock)
    assert taken(rate, "a") == 1000
    assert len(rate) == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("no:address", "no:other", False),
    ],
)
def test_an_ipv6_address_counts_as_its_network(one: str, other: str, *, same: bool) -> None:
    assert (network(one) == network(other)) is same


# --- around authentication ---
def shown(token: str) -> Headers:
    return Headers({"authorization": f"Bearer {token}"})


class Houses(Doorkeeper):
    """Lets everybody in; tokens that begin with the same letter are one holder's, as a subject's JWTs are."""

    async def __call__(self, headers: Headers, address: str | None, request_id: str) -> Context:
        await super().__call__(headers, address, request_id)
        return Context(holder=headers["authorization"].removeprefix("Bearer ")[0])


async def test_a_token_has_its_limit_whatever_address_it_comes_from() -> None:
    houses = Houses()
    authenticate = limited(houses, arrivals(0), per_token=2)
    for address in ("192.0.2.1", "192.0.2.2"):
        assert (await authenticate(shown("a"), address, "r")).holder == "a"
    with pytest.raises(RateLimited, match="RATE_LIMIT_PER_TOKEN"):
        await authenticate(shown("a"), "192.0.2.3", "r")
    assert len(houses.seen) == 2, "a refused token is not looked up"
    assert (await authenticate(shown("b"), "192.0.2.1", "r")).holder == "b"


async def test_another_token_of_the_same_holder_gains_nothing_and_is_looked_up_once() -> None:
    houses = Houses()
    authenticate = limited(houses, arrivals(0), per_token=2)
    for token in ("a1", "a2"):
        await authenticate(shown(token), "192.0.2.1", "r")
    for _ in range(3):
        with pytest.raises(RateLimited, match="RATE_LIMIT_PER_TOKEN"):
            await authenticate(shown("a3"), "192.0.2.1", "r")
    assert len(houses.seen) == 3
    assert (await authenticate(shown("b1"), "192.0.2.1", "r")).holder == "b"


def test_of_holders_as_many_are_kept_as_there_is_room_for() -> None:
    holders = Holders(most=2)
    for token in ("a", "b", "a", "c"):
        holders.note(token, f"holder of {token}")
    assert [holders.get(token) for token in ("a", "b", "c")] == ["holder of a", None, "holder of c"]


async def test_failed_attempts_count_for_their_address_and_cost_no_look_up_beyond_its_limit(
    doorkeeper: Doorkeeper,
) -> None:
    authenticate = limited(doorkeeper, arrivals(3), per_token=1)
    doorkeeper.refusal = Unauthenticated("No.")
    for number in range(3):
        with pytest.raises(Unauthenticated):
            await authenticate(shown(f"guess-{number}"), "192.0.2.1", "r")
    with pytest.raises(RateLimited, match="RATE_LIMIT_PER_ADDRESS"):
        await authenticate(shown("guess-3"), "192.0.2.1", "r")
    assert len(doorkeeper.seen) == 3
    doorkeeper.refusal = None
    assert await authenticate(shown("guess-0"), "192.0.2.2", "r") is doorkeeper.context, "a failure is not the token's"
