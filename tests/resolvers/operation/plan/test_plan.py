"""Running a plan: what runs when, what resolvers are handed, what stops."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
import strawberry

from resolvers.operation.execution import Executor, GraphQLRequest, Ready, run_by_plan
from resolvers.operation.limits import RequestLimits
from resolvers.operation.plan.light import light


@dataclass
class Seen:
    """What resolvers saw. `begun` says that the last of them waits, `turn` lets them go on."""

    calls: list[str] = field(default_factory=list)
    tasks: set[object] = field(default_factory=set)
    infos: list[object] = field(default_factory=list)
    given: list[list[int]] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    turn: asyncio.Event = field(default_factory=asyncio.Event)


Info = strawberry.Info[Seen, None]
NOTHING: list[int] = []


@strawberry.type
class Item:
    number: int

    @strawberry.field
    async def waits(self, info: Info) -> int:
        info.context.calls.append(f"begun {self.number}")
        if self.number == 2:
            info.context.turn.set()
        await info.context.turn.wait()
        return self.number

    @strawberry.field
    async def stops(self, info: Info) -> int:
        info.context.calls.append("begun")
        if self.number == 2:
            info.context.begun.set()
        try:
            await info.context.turn.wait()
        finally:
            info.context.calls.append(f"stopped {self.number}")
        return self.number

    @strawberry.field
    @light
    async def light(self, info: Info) -> int:
        info.context.tasks.add(asyncio.current_task())
        return self.number

    @strawberry.field
    def at_once(self, info: Info, numbers: list[int] = NOTHING) -> int:
        info.context.infos.append(info)
        info.context.given.append(numbers)
        return self.number

    @strawberry.field
    def path(self, info: Info) -> str | None:
        return str(info.path.key)


@strawberry.type
class Query:
    @strawberry.field
    def items(self) -> list[Item]:
        return [Item(number=number) for number in range(3)]

    @strawberry.field
    async def fails(self) -> Item:
        raise ValueError("no")


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def first(self, info: Info) -> str:
        info.context.calls.append("first begun")
        await asyncio.sleep(0)
        info.context.calls.append("first done")
        return "first"

    @strawberry.mutation
    def second(self, info: Info) -> str:
        info.context.calls.append("second")
        return "second"

    @strawberry.mutation
    def broken(self, info: Info) -> str:
        info.context.calls.append("broken")
        raise ValueError("no")


EXECUTOR = Executor(strawberry.Schema(Query, Mutation), RequestLimits())


async def ran(text: str, seen: Seen | None = None) -> tuple[object, list[object]]:
    ready = EXECUTOR.prepare(GraphQLRequest(text), "r")
    assert isinstance(ready, Ready)
    assert ready.operation.plans.plan(ready.variables) is not None
    result = await run_by_plan(EXECUTOR.schema, ready, seen or Seen())
    return result.data, [error.path for error in result.errors or ()]


async def test_resolvers_of_one_level_wait_together() -> None:
    seen = Seen()
    data, _ = await ran("{ items { waits number } }", seen)
    assert data == {"items": [{"waits": n, "number": n} for n in range(3)]}
    assert seen.calls == ["begun 0", "begun 1", "begun 2"]


async def test_light_resolvers_share_one_task() -> None:
    seen = Seen()
    await ran("{ items { light } }", seen)
    assert seen.tasks == {asyncio.current_task()}


async def test_one_info_serves_a_level_and_whoever_asks_it_for_a_path_is_told_so() -> None:
    seen = Seen()
    await ran("{ items { atOnce } }", seen)
    assert len(seen.infos) == 3
    assert len({id(each) for each in seen.infos}) == 1
    data, errors = await ran("{ items { path } }")
    assert data == {"items": [{"path": None}] * 3}
    assert errors == [["items", number, "path"] for number in range(3)]


async def test_no_request_is_handed_what_another_may_have_changed() -> None:
    seen = Seen()
    await ran("{ items { atOnce } }", seen)
    await ran("{ items { atOnce } }", seen)
    first, *_, last = seen.given
    assert first == last == []
    assert first is not last
    assert last is not NOTHING


async def test_mutations_run_one_after_the_other_until_one_leaves_nothing() -> None:
    seen = Seen()
    assert await ran("mutation { first second }", seen) == ({"first": "first", "second": "second"}, [])
    assert seen.calls == ["first begun", "first done", "second"]
    seen = Seen()
    assert await ran("mutation { first broken second }", seen) == (None, [["broken"]])
    assert seen.calls == ["first begun", "first done", "broken"]


async def test_a_failure_that_cannot_be_null_takes_the_data_with_it() -> None:
    assert await ran("{ items { number } fails { number } }") == (None, [["fails"]])


async def test_whoever_stops_waiting_stops_the_resolvers() -> None:
    seen = Seen()
    task = asyncio.create_task(ran("{ items { stops } }", seen))
    await seen.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(seen.calls[3:]) == ["stopped 0", "stopped 1", "stopped 2"]
