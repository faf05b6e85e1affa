"""Over lasting connections: who is told to end, when, and what is asked for it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import ExitStack

import structlog

from app.errors import DatabaseUnavailable
from app.notification import Hub, Topic
from app.web.vigil import End, Vigil
from tests.patience import until


class Tokens:
    """The tokens in force, and every question after them. `told` has the connections that were ended, by name."""

    def __init__(self, *in_force: str) -> None:
        self.in_force = set(in_force)
        self.asked: list[list[str]] = []
        self.away = False
        self.told: list[tuple[str, End]] = []

    async def check(self, tokens: Collection[str]) -> set[str]:
        self.asked.append(sorted(tokens))
        if self.away:
            raise DatabaseUnavailable("The database is away.")
        return self.in_force & set(tokens)

    def watch(self, stack: ExitStack, vigil: Vigil, name: str, token: str | None) -> None:
        stack.enter_context(vigil.watch(token, lambda end: self.told.append((name, end))))

    async def until_asked(self, times: int) -> None:
        async def asked() -> bool:
            return len(self.asked) >= times

        await until(asked)


def heard(hub: Hub) -> None:
    hub._heard(Topic.ACCESS_TOKEN, "some organization")


async def test_a_change_is_checked_at_once_in_one_question_for_all_connections() -> None:
    tokens, hub = Tokens("a", "b"), Hub()
    vigil = Vigil(tokens.check, hub, check_seconds=3600)
    with ExitStack() as stack:
        for name, token in [("first", "a"), ("second", "a"), ("third", "b"), ("not begun", None)]:
            tokens.watch(stack, vigil, name, token)
        async with vigil.kept():
            await tokens.until_asked(1)
            tokens.in_force.remove("a")
            heard(hub)
            await tokens.until_asked(2)
    assert tokens.asked == [["a", "b"], ["a", "b"]]
    assert sorted(tokens.told) == [("first", End.TOKEN), ("second", End.TOKEN)]


async def test_tokens_are_checked_as_time_passes_and_a_check_that_fails_ends_nobody() -> None:
    tokens = Tokens()
    tokens.away = True
    vigil = Vigil(tokens.check, Hub(), check_seconds=0.01)
    with ExitStack() as stack:
        tokens.watch(stack, vigil, "first", "a")
        async with vigil.kept():
            await tokens.until_asked(2)
            assert tokens.told == []
            tokens.away = False
            await until(lambda: _true(tokens.told))
    assert tokens.told[0] == ("first", End.TOKEN)


async def test_a_fault_while_checking_is_logged_and_the_next_check_comes() -> None:
    tokens = Tokens()
    faults = iter([ZeroDivisionError()])

    async def check(given: Collection[str]) -> set[str]:
        for fault in faults:
            raise fault
        return await tokens.check(given)

    vigil = Vigil(check, Hub(), check_seconds=0.01)
    with structlog.testing.capture_logs() as logs, ExitStack() as stack:
        tokens.watch(stack, vigil, "first", "a")
        async with vigil.kept():
            await until(lambda: _true(tokens.told))
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("access_tokens_not_checked", "error")]


async def _true(value: object) -> bool:
    return bool(value)


async def test_nothing_is_asked_while_no_connection_has_shown_a_token() -> None:
    tokens, hub = Tokens(), Hub()
    vigil = Vigil(tokens.check, hub, check_seconds=0.001)
    with ExitStack() as stack:
        tokens.watch(stack, vigil, "not begun", None)
        async with vigil.kept():
            with vigil.watch("a", lambda _end: None):
                pass
            heard(hub)
            await asyncio.sleep(0.02)
    assert tokens.asked == []


async def test_a_stop_ends_all_connections_once_and_later_ones_at_once() -> None:
    tokens = Tokens("a")
    vigil = Vigil(tokens.check, Hub())
    with ExitStack() as stack:
        tokens.watch(stack, vigil, "first", "a")
        tokens.watch(stack, vigil, "not begun", None)
        vigil.stop()
        vigil.stop()
        tokens.watch(stack, vigil, "late", "a")
    assert sorted(tokens.told) == [("first", End.STOP), ("late", End.STOP), ("not begun", End.STOP)]


async def test_a_connection_that_is_over_is_not_told() -> None:
    tokens = Tokens()
    vigil = Vigil(tokens.check, Hub())
    with ExitStack() as stack:
        tokens.watch(stack, vigil, "first", "a")
    vigil.stop()
    assert tokens.told == []
