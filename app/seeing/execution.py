"""Around the executor and the door: what was run, how it ended, and what was refused before it was run. Nothing is answered here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import strawberry
from graphql import OperationType
from starlette.datastructures import Headers

from app import tally
from app.errors import GatewayError
from app.seeing.watch import OK, Watch, code_of
from app.web.admission import Authenticate, Caller
from resolvers.operation.execution import REQUEST_KINDS, Answer, Executor, GraphQLRequest, Heed, Ready, Runner
from resolvers.operation.limits import RequestLimits


class WatchedExecutor(Executor):
    """An executor that tells a watch of what it runs and refuses."""

    def __init__(
        self,
        watch: Watch,
        schema: strawberry.Schema,
        limits: RequestLimits,
        *,
        introspection: bool,
        heed: Heed,
        runner: Runner,
    ) -> None:
        async def heeding(ready: Ready, errors: Sequence[Exception], context: object) -> None:
            if ready.operation.kind is OperationType.SUBSCRIPTION:
                watch.resolved_event()
            await heed(ready, errors, context)

        super().__init__(schema, limits, introspection=introspection, heed=heeding, runner=runner)
        self._watch = watch

    def prepare(
        self, request: GraphQLRequest, request_id: str, kinds: AbstractSet[OperationType] = REQUEST_KINDS
    ) -> Ready | Answer:
        ready = super().prepare(request, request_id, kinds)
        if isinstance(ready, Answer):
            self._watch.refused(_code(ready))
        return ready

    async def run(self, ready: Ready, context: object, request_id: str) -> Answer:
        with tally.Begun() as spent:
            begun, outcome = time.perf_counter(), OK
            try:
                answer = await super().run(ready, context, request_id)
                outcome = _code(answer) if answer.errors else OK
            except BaseException as failure:
                outcome = code_of(failure)
                raise
            finally:
                self._watch.ran(ready.operation.name, outcome, time.perf_counter() - begun, spent)
        return answer


def watched_door(authenticate: Authenticate, watch: Watch) -> Authenticate:
    """The same, telling of whom it does not let in."""

    async def authenticating(headers: Headers, address: str | None, request_id: str) -> Caller:
        try:
            return await authenticate(headers, address, request_id)
        except GatewayError as refusal:
            watch.refused(refusal.code)
            raise

    return authenticating


def _code(answer: Answer) -> str:
    """That of the first error; the others are in the log."""
    return str(answer.errors[0]["extensions"]["code"])
