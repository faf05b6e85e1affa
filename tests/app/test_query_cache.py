"""Equal questions share one answer, and none gets another's."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.query_cache import QueryCache


class Maker:
    """Answers questions when it is let to, and remembers which it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.failure: Exception | None = None

    async def answer(self, question: str) -> str:
        self.asked.append(question)
        await self.gate.wait()
        if self.failure:
            raise self.failure
        return question.upper()


async def ask(cache: QueryCache[str], maker: Maker, question: str) -> str:
    return (await cache.get(question, lambda: maker.answer(question))).value


async def test_an_answer_is_made_once_and_kept() -> None:
    cache, maker = QueryCache[str](), Maker()
    maker.gate.set()
    first = await cache.get("a", lambda: maker.answer("a"))
    second = await cache.get("a", lambda: maker.answer("a"))
    assert (first.value, first.shared, second.value, second.shared) == ("A", False, "A", True)
    assert maker.asked == ["a"]


async def test_equal_questions_in_flight_share_one_answer() -> None:
    cache, maker = QueryCache[str](capacity=0), Maker()
    several = [asyncio.create_task(ask(cache, maker, "a")) for _ in range(5)]
    await asyncio.sleep(0)
    maker.gate.set()
    assert await asyncio.gather(*several) == ["A"] * 5
    assert maker.asked == ["a"]


async def test_those_who_come_between_an_answer_and_the_waking_of_who_asked_have_it_from_the_cache() -> None:
    cache, maker = QueryCache[str](), Maker()
    maker.gate.set()
    late: list[asyncio.Task[str]] = []

    async def answer_and_be_asked_again() -> str:
        answered = await maker.answer("a")
        late.extend(asyncio.create_task(ask(cache, maker, "a")) for _ in range(3))
        return answered

    assert (await cache.get("a", answer_and_be_asked_again)).value == "A"
    assert await asyncio.gather(*late) == ["A"] * 3
    assert maker.asked == ["a"]


async def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    cache, maker = QueryCache[str](), Maker()
    maker.failure = LookupError("no")
    several = [asyncio.create_task(ask(cache, maker, "a")) for _ in range(3)]
    await asyncio.sleep(0)
    maker.gate.set()
    outcomes = await asyncio.gather(*several, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [LookupError] * 3
    maker.failure = None
    assert await ask(cache, maker, "a") == "A"


async def test_of_those_who_share_an_answer_one_has_it_first_though_who_asked_has_left() -> None:
    cache, maker = QueryCache[str](), Maker()
    asking = [asyncio.create_task(cache.get("a", lambda: maker.answer("a"))) for _ in range(3)]
    await asyncio.sleep(0)
    asking[0].cancel()
    maker.gate.set()
    assert [each.shared for each in await asyncio.gather(*asking[1:])] == [False, True]
    assert (await cache.get("a", lambda: maker.answer("a"))).shared


async def test_one_who_leaves_takes_the_answer_from_nobody() -> None:
    cache, maker = QueryCache[str](), Maker()
    leader, follower = (asyncio.create_task(ask(cache, maker, "a")) for _ in range(2))
    await asyncio.sleep(0)
    leader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leader
    maker.gate.set()
    assert await follower == "A"
    assert maker.asked == ["a"]


async def test_when_all_have_left_the_next_one_asks_anew() -> None:
    cache, maker = QueryCache[str](), Maker()
    lonely = asyncio.create_task(ask(cache, maker, "a"))
    await asyncio.sleep(0)
    lonely.cancel()
    with pytest.raises(asyncio.CancelledError):
        await lonely
    maker.gate.set()
    assert await ask(cache, maker, "a") == "A"
    assert maker.asked == ["a", "a"]


async def test_the_least_recently_used_go_first() -> None:
    cache, maker = QueryCache[str](capacity=2), Maker()
    maker.gate.set()
    for question in ("a", "b", "a", "c", "a", "b"):
        await ask(cache, maker, question)
    assert maker.asked == ["a", "b", "c", "b"]


@given(questions=st.lists(st.sampled_from("abcdef"), max_size=30), capacity=st.integers(0, 4))
def test_no_question_gets_another_s_answer(questions: list[str], capacity: int) -> None:
    async def all_of_them() -> list[str]:
        cache, maker = QueryCache[str](capacity), Maker()
        maker.gate.set()
        return await asyncio.gather(*(ask(cache, maker, question) for question in questions))

    assert asyncio.run(all_of_them()) == [question.upper() for question in questions]


async def test_what_is_kept_is_bounded_by_its_weight_and_what_is_too_heavy_is_not_kept() -> None:
    cache, maker = QueryCache[str](capacity=10, weigh=lambda _, value: len(value)), Maker()
    maker.gate.set()
    for question in ("aaaa", "bbbb", "cccc", "d" * 11, "eeee"):
        await ask(cache, maker, question)
    maker.asked.clear()
    for question in ("eeee", "d" * 11, "cccc", "aaaa"):
        await ask(cache, maker, question)
    assert maker.asked == ["d" * 11, "aaaa"]
