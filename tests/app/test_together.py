"""Questions asked together: who shares one, and what happens to the others when one leaves or all fail."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from uuid import uuid4

import pytest

from app import tenant
from app.together import Questions, Together


class Oracle:
    """Answers each question when it is told to; the answer to a key is the key in upper case."""

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []
        self.given_up = 0
        self.failure: Exception | None = None
        self.may_answer = asyncio.Event()
        self.heard = asyncio.Event()

    async def __call__(self, keys: Sequence[str]) -> Mapping[str, str]:
        self.asked.append(keys)
        self.heard.set()
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        if self.failure is not None:
            raise self.failure
        return {key: key.upper() for key in keys}

    async def hears(self) -> None:
        """The next question."""
        self.heard.clear()
        await self.heard.wait()


async def test_what_is_asked_in_one_turn_is_one_question_and_each_key_is_in_it_once() -> None:
    oracle = Oracle()
    oracle.may_answer.set()
    together = Together(oracle)
    assert await asyncio.gather(*map(together.get, ["a", "b", "a"])) == ["A", "B", "A"]
    assert oracle.asked == [["a", "b"]]


async def test_nothing_is_remembered() -> None:
    oracle = Oracle()
    oracle.may_answer.set()
    together = Together(oracle)
    assert [await together.get("a"), await together.get("a")] == ["A", "A"]
    assert oracle.asked == [["a"], ["a"]]


async def test_what_is_asked_while_a_question_is_under_way_is_not_answered_by_it_but_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.together.PATIENCE_SECONDS", 60)
    oracle = Oracle()
    together = Together(oracle)
    first = together.get("a")
    await oracle.hears()
    later = [together.get("a"), together.get("b")]
    oracle.may_answer.set()
    assert await asyncio.gather(first, *later) == ["A", "A", "B"]
    assert oracle.asked == [["a"], ["a", "b"]]


async def test_a_question_that_takes_long_holds_up_nobody() -> None:
    oracle = Oracle()
    together = Together(oracle)
    slow = together.get("a")
    await oracle.hears()
    later = together.get("b")
    await oracle.hears()
    assert oracle.asked == [["a"], ["b"]]
    oracle.may_answer.set()
    assert [await slow, await later] == ["A", "B"]


async def test_a_failure_is_everybody_s_and_the_next_question_is_another() -> None:
    oracle = Oracle()
    oracle.failure = ConnectionError()
    oracle.may_answer.set()
    together = Together(oracle)
    failed = await asyncio.gather(together.get("a"), together.get("b"), return_exceptions=True)
    assert [type(each) for each in failed] == [ConnectionError, ConnectionError]
    oracle.failure = None
    assert await together.get("a") == "A"


async def test_a_question_that_is_cancelled_leaves_nobody_waiting() -> None:
    async def ended(_: Sequence[str]) -> Mapping[str, str]:
        raise asyncio.CancelledError

    waiting = [Together(ended).get(key) for key in ("a", "b")]
    await asyncio.wait(waiting)
    assert all(each.cancelled() for each in waiting)


async def test_an_answer_that_lacks_a_key_is_a_failure() -> None:
    async def forgetful(_: Sequence[str]) -> Mapping[str, str]:
        return {}

    with pytest.raises(KeyError):
        await Together(forgetful).get("a")


async def test_whoever_leaves_disturbs_nobody() -> None:
    oracle = Oracle()
    together = Together(oracle)
    leaving, staying = together.get("a"), together.get("a")
    await oracle.hears()
    leaving.cancel()
    oracle.may_answer.set()
    assert await staying == "A"
    assert leaving.cancelled()
    assert oracle.given_up == 0


async def test_a_question_that_nobody_waits_for_any_more_is_given_up() -> None:
    oracle = Oracle()
    together = Together(oracle)
    waiting = [together.get("a"), together.get("b")]
    await oracle.hears()
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    oracle.may_answer.set()
    assert await together.get("c") == "C"
    assert oracle.given_up == 1


async def test_what_all_have_left_before_it_was_asked_is_not_asked() -> None:
    oracle = Oracle()
    oracle.may_answer.set()
    together = Together(oracle)
    left = together.get("a")
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    assert await together.get("b") == "B"
    assert oracle.asked == [["b"]]


async def test_a_question_has_the_context_of_the_first_who_asks() -> None:
    who: ContextVar[str] = ContextVar("who")

    async def name(keys: Sequence[str]) -> Mapping[str, str]:
        return dict.fromkeys(keys, who.get())

    together = Together(name)

    async def asks(own: str) -> str:
        who.set(own)
        return await together.get(own)

    assert await asyncio.gather(*map(asks, ["first", "second"])) == ["first", "first"]
    assert await asks("third") == "third"


async def test_questions_are_shared_by_name_and_tenant_and_kept_while_somebody_has_them() -> None:
    oracle, questions = Oracle(), Questions()
    shared = questions.of("names", oracle)
    assert questions.of("names", oracle) is shared
    assert questions.of("other", oracle) is not shared
    with tenant.working_for(uuid4()):
        assert questions.of("names", oracle) is not shared
    kept = weakref.ref(shared)
    del shared
    assert kept() is None
