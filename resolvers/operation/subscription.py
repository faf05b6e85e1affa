"""Answers one after another: the events of a subscription's source, each resolved as an operation of its own.

For transports that stay connected. Queries and mutations go the same way there and have one answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from inspect import isawaitable
from typing import Any, Final, Protocol, cast

from graphql import ExecutionResult, GraphQLError, OperationType, create_source_event_stream
from graphql import Executor as CoreExecutor

from app.allowance import one_answer
from resolvers.operation.execution import Answer, Executor, Ready, answer_of, core_executor
from resolvers.operation.failure import answer_errors, answer_failure
from resolvers.operation.limits import took_too_long

STREAMED_KINDS: Final = frozenset(OperationType)
"""What a transport that stays connected can serve."""

Source = AsyncGenerator[Any, None]
"""What a subscription's resolver answers with."""


class Forgetful(Protocol):
    """A context that lasts for several answers."""

    def forget(self) -> None:
        """What was loaded for the answer before may be true no more."""


async def answers(
    executor: Executor, ready: Ready | Answer, context: Forgetful, request_id: str, *, seconds: float
) -> AsyncGenerator[Answer, None]:
    """The answers of what was prepared, each made within `seconds`; waiting for the next event takes as long as it takes.

    What goes wrong is an answer, too: one that was not `executed` is the last. Close the generator when leaving it early.
    """
    try:
        if isinstance(ready, Answer):
            yield ready
        elif ready.operation.kind is OperationType.SUBSCRIPTION:
            async with aclosing(_results(executor, ready, context, seconds)) as results:
                async for result in results:
                    yield answer_of(result, request_id)
        else:
            async with _limited(seconds):
                answer = await executor.run(ready, context, request_id)
            yield answer
    except GraphQLError as error:
        await _heed(executor, ready, error, context)
        yield Answer(answer_errors([error], request_id))
    except Exception as failure:  # noqa: BLE001 - whatever it is, the client gets an answer and the log the reason
        await _heed(executor, ready, failure, context)
        yield Answer([answer_failure(failure, request_id)])


async def _results(
    executor: Executor, ready: Ready, context: Forgetful, seconds: float
) -> AsyncGenerator[ExecutionResult, None]:
    core = core_executor(executor.schema, ready, context)
    async with _limited(seconds):
        source = await _source(core)
    async with aclosing(source) as events:
        async for event in events:
            context.forget()
            with one_answer(executor.limits.max_answer_bytes):
                async with _limited(seconds):
                    result = core.build_per_event_executor(event).execute_operation(serially=False)
                    answered = cast("ExecutionResult", await result if isawaitable(result) else result)
            await executor.heed(ready, answered.errors or (), context)
            yield answered


async def _heed(executor: Executor, ready: Ready | Answer, error: Exception, context: object) -> None:
    if isinstance(ready, Ready):
        await executor.heed(ready, [error], context)


async def _source(core: CoreExecutor[Any]) -> Source:
    """The events to come. Raises the GraphQLError of the field that refuses them."""
    made = create_source_event_stream(core)
    source = await made if isawaitable(made) else made
    if isinstance(source, ExecutionResult):
        raise (source.errors or [])[0]
    return cast("Source", source)


@asynccontextmanager
async def _limited(seconds: float) -> AsyncIterator[None]:
    """Cancel what takes longer. Raises LimitExceeded then."""
    try:
        async with asyncio.timeout(seconds) as deadline:
            yield
    except TimeoutError:
        if not deadline.expired():
            raise
        raise took_too_long(seconds) from None
