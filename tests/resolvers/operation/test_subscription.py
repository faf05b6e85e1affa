"""A subscription's answers: one for each event, each with nothing loaded before; the source is closed, whoever leaves."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from resolvers.operation.execution import Answer, Executor, GraphQLRequest
from resolvers.operation.limits import RequestLimits
from resolvers.operation.subscription import STREAMED_KINDS, answers
from tests.resolvers.operation.small import SCHEMA, SECRET, Context

EXECUTOR = Executor(SCHEMA, RequestLimits(max_depth=3))


async def answered(query: str, context: Context | None = None, *, seconds: float = 10) -> list[Answer]:
    """Every answer to a document."""
    ready = EXECUTOR.prepare(GraphQLRequest(query), "r-1", STREAMED_KINDS)
    return [each async for each in answers(EXECUTOR, ready, context or Context(), "r-1", seconds=seconds)]


def only_error(answer: Answer) -> dict[str, object]:
    """The extensions of the one error of an answer, with its message."""
    (error,) = answer.errors
    return {"message": error["message"], **error["extensions"]}


async def test_each_event_is_answered_as_an_operation_of_its_own_with_nothing_loaded_before() -> None:
    context = Context()
    made = await answered('subscription S { all: collections(names: ["a", "bc"]) { name count } }', context)
    assert [each.data for each in made] == [{"all": {"name": "a", "count": 1}}, {"all": {"name": "bc", "count": 2}}]
    assert all(each.executed and not each.errors for each in made)
    assert context.calls == ["forgot", "forgot"]


async def test_queries_and_mutations_have_one_answer() -> None:
    (found,) = await answered("{ organization { name } missing }")
    assert (found.data, found.executed) == ({"organization": {"name": "acme"}, "missing": None}, True)
    assert only_error(found)["code"] == "NOT_FOUND"
    context = Context()
    context.release.set()
    (done,) = await answered("mutation { slow }", context)
    assert (done.data, context.calls) == ({"slow": "mutation"}, ["mutation finished"])


async def test_what_cannot_be_prepared_is_answered_once_without_being_run() -> None:
    (unknown,) = await answered("subscription { nothing }")
    assert (unknown.executed, only_error(unknown)["code"]) == (False, "BAD_INPUT")
    (deep,) = await answered("{ organization { databases { nodes { owner { name } } } } }")
    assert (deep.executed, deep.errors[0]["extensions"]["limit"]) == (False, 3)
    assert only_error(deep)["code"] == "LIMIT_EXCEEDED"


async def test_a_source_that_refuses_to_begin_is_an_error_in_its_place() -> None:
    (refused,) = await answered("subscription { it: refused }")
    assert only_error(refused) == {
        "message": "There is no such thing.",
        "code": "NOT_FOUND",
        "family": "REQUEST",
        "retryable": False,
        "database": "d1",
        "requestId": "r-1",
    }
    assert (refused.executed, refused.errors[0].get("path")) == (False, ["it"])


async def test_a_source_that_fails_later_ends_with_an_error_that_says_nothing_of_it() -> None:
    first, last = await answered("subscription { broken }")
    assert (first.data, last.executed, last.data) == ({"broken": 1}, False, None)
    assert only_error(last)["code"] == "INTERNAL"
    assert SECRET not in str(last)


async def test_an_event_that_takes_too_long_ends_the_subscription_and_waiting_does_not() -> None:
    context = Context()
    (late,) = await answered("subscription { slowEvents { text } }", context, seconds=0.02)
    assert (late.executed, only_error(late)["code"], only_error(late)["limit"]) == (False, "LIMIT_EXCEEDED", 0.02)
    assert only_error(late)["retryable"] is True
    assert context.calls == ["forgot", "event cancelled"]
    asyncio.get_running_loop().call_later(0.05, context.release.set)
    waited = await answered("subscription { waiting }", context, seconds=0.02)
    assert [each.data for each in waited] == [{"waiting": 1}, {"waiting": 2}]


async def test_a_mutation_that_takes_too_long_is_stopped() -> None:
    context = Context()
    (late,) = await answered("mutation { slow }", context, seconds=0.02)
    assert (late.executed, only_error(late)["code"]) == (False, "LIMIT_EXCEEDED")
    assert context.calls == ["mutation cancelled"]


async def test_the_source_is_closed_when_its_reader_leaves_between_events_or_is_cancelled_while_waiting() -> None:
    ready = EXECUTOR.prepare(GraphQLRequest("subscription { waiting }"), "r-1", STREAMED_KINDS)
    left, cancelled = Context(), Context()
    async with aclosing(answers(EXECUTOR, ready, left, "r-1", seconds=10)) as made:
        assert (await anext(made)).data == {"waiting": 1}
    assert left.calls == ["forgot", "source closed"]

    first = asyncio.Event()

    async def read() -> None:
        async for _ in answers(EXECUTOR, ready, cancelled, "r-1", seconds=10):
            first.set()

    reading = asyncio.create_task(read())
    await first.wait()
    reading.cancel()
    await asyncio.wait({reading})
    assert reading.cancelled()
    assert cancelled.calls == ["forgot", "source closed"]
