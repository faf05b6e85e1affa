"""One GraphQL request from its text to its answer, whatever transport brought it.

`prepare` does all that needs no I/O and may refuse; `run` resolves. A transport of subscriptions takes the same
`prepare`, and `subscription.answers` where `run` has one answer. A way to resolve an operation is a `Runner`: by plan, or by graphql-core.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import cast

import strawberry
from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationType,
    VariableValues,
    default_field_resolver,
    default_type_resolver,
)
from graphql import Executor as CoreExecutor
from graphql.execution.collect_fields import FragmentDetails
from structlog.contextvars import bind_contextvars

from app.allowance import one_answer
from app.errors import BadInput, GatewayError
from resolvers.operation.document import CAPACITY, DocumentCache, PreparedDocument, PreparedOperation, RefusedDocument
from resolvers.operation.failure import AnswerError, answer_errors, answer_failure
from resolvers.operation.limits import RequestLimits
from resolvers.operation.trusted import Choose, as_sent

REQUEST_KINDS = frozenset((OperationType.QUERY, OperationType.MUTATION))
"""What a transport with one answer to a request can serve."""

LONGEST_LOGGED_NAME = 100


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """What a client asks for. The document and the variables may hold secrets: neither is printed."""

    query: str | None = field(repr=False)
    operation_name: str | None = None
    variables: Mapping[str, object] = field(default_factory=dict, repr=False)
    document_id: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client gets. `data` counts only when the operation was `executed`; then it may be null, too.

    `status` is the HTTP status under application/graphql-response+json; under application/json, where 200 only says
    that the request was understood, it is `json_status` (GraphQL over HTTP, section 6.4).
    """

    errors: Sequence[AnswerError] = ()
    data: Mapping[str, object] | None = None
    executed: bool = False
    status: int = 400
    json_status: int = 200

    @property
    def body(self) -> dict[str, object]:
        body: dict[str, object] = {"data": self.data} if self.executed else {}
        return {"errors": self.errors, **body} if self.errors else body


@dataclass(frozen=True, slots=True)
class Ready:
    """An operation that is valid, within the limits, and has its variables coerced."""

    document: PreparedDocument
    operation: PreparedOperation
    variables: VariableValues


Runner = Callable[[GraphQLSchema, Ready, object], Awaitable[ExecutionResult]]
"""Resolves a ready operation; the last argument is the context that resolvers meet as `info.context`."""


Heed = Callable[[Ready, Sequence[Exception], object], Awaitable[None]]
"""What is done about the errors of an operation (also none, and also when it is broken off) before they are answered."""


async def heedless(_ready: Ready, _errors: Sequence[Exception], _context: object) -> None:
    """Nothing is done."""


def core_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """The graphql-core schema that Strawberry built; it has no public name there."""
    return schema._schema  # noqa: SLF001 - the one place; Strawberry's own extensions reach for it the same way


def core_executor(schema: GraphQLSchema, ready: Ready, context: object) -> CoreExecutor[None]:
    """graphql-core's executor for a ready operation: it takes the coerced variables, so nothing is checked twice.

    Strawberry's extensions do not run, and its `info.input_extensions` is not there; all else in `info` is.
    """
    fragments = ready.document.fragments
    return CoreExecutor(
        schema,
        fragment_definitions=dict(fragments),
        fragments={name: FragmentDetails(node) for name, node in fragments.items()},
        root_value=None,
        context_value=context,
        operation=ready.operation.node,
        variable_values=ready.variables,
        field_resolver=default_field_resolver,
        type_resolver=default_type_resolver,
        subscribe_field_resolver=default_field_resolver,
        hide_suggestions=True,
    )


async def run_by_plan(schema: GraphQLSchema, ready: Ready, context: object) -> ExecutionResult:
    """As graphql-core would, only sooner. What plans do not know, such as introspection, runs there."""
    plan = ready.operation.plans.plan(ready.variables)
    if plan is None:
        return await run_in_graphql_core(schema, ready, context)
    return await plan.run(context, ready.variables)


async def run_in_graphql_core(schema: GraphQLSchema, ready: Ready, context: object) -> ExecutionResult:
    result = core_executor(schema, ready, context).execute_operation()
    return cast("ExecutionResult", await result if isawaitable(result) else result)


class Executor:
    """Answers requests against one schema. Safe to share between concurrent requests. `choose` decides which documents it takes."""

    def __init__(
        self,
        schema: strawberry.Schema,
        limits: RequestLimits,
        *,
        introspection: bool = True,
        capacity: int = CAPACITY,
        runner: Runner = run_by_plan,
        heed: Heed = heedless,
    ) -> None:
        self.schema = core_schema(schema)
        self.limits = limits
        self.documents = DocumentCache(self.schema, limits, capacity, introspection=introspection)
        self.runner = runner
        self.heed = heed
        self.choose: Choose = as_sent

    async def execute(
        self,
        request: GraphQLRequest,
        context: object,
        request_id: str,
        kinds: AbstractSet[OperationType] = REQUEST_KINDS,
    ) -> Answer:
        """Prepare and run. What goes wrong is in the answer; only cancellation passes through."""
        ready = self.prepare(request, request_id, kinds)
        return ready if isinstance(ready, Answer) else await self.run(ready, context, request_id)

    def prepare(
        self, request: GraphQLRequest, request_id: str, kinds: AbstractSet[OperationType] = REQUEST_KINDS
    ) -> Ready | Answer:
        """An operation that can be run, or the answer that says why not. `kinds` are what the transport serves."""
        try:
            document = self.documents.prepare(self.choose(request.query, request.document_id))
            if isinstance(document, RefusedDocument):
                bind_contextvars(document=document.hash)
                return _refused(document.errors, request_id)
            return self._ready(document, request, request_id, kinds)
        except GatewayError as refusal:
            return Answer([answer_failure(refusal, request_id)])

    def _ready(
        self, document: PreparedDocument, request: GraphQLRequest, request_id: str, kinds: AbstractSet[OperationType]
    ) -> Ready | Answer:
        operation = document.operation(request.operation_name)
        bind_contextvars(document=document.hash, operation=operation.name and operation.name[:LONGEST_LOGGED_NAME])
        if operation.kind not in kinds:
            return _of_other_transport(operation.kind, request_id)
        variables = operation.variables.coerced(request.variables)
        if isinstance(variables, list):
            return _refused(variables, request_id)
        self.limits.check(operation.size_with(variables.coerced))
        return Ready(document, operation, variables)

    async def run(self, ready: Ready, context: object, request_id: str) -> Answer:
        errors: Sequence[Exception] = ()
        try:
            with one_answer(self.limits.max_answer_bytes):
                result = await self.runner(self.schema, ready, context)
            errors = result.errors or ()
        finally:
            await self.heed(ready, errors, context)
        return answer_of(result, request_id)


def answer_of(result: ExecutionResult, request_id: str) -> Answer:
    """The answer of an operation that was run, or of one event of a subscription."""
    return Answer(answer_errors(result.errors or (), request_id), result.data, executed=True, status=200)


def _refused(errors: Sequence[GraphQLError], request_id: str) -> Answer:
    return Answer(answer_errors(errors, request_id))


def _of_other_transport(kind: OperationType, request_id: str) -> Answer:
    if kind is OperationType.MUTATION:
        refusal = BadInput("Mutations are accepted in POST requests only.")
        return Answer([answer_failure(refusal, request_id)], status=405, json_status=405)
    refusal = BadInput(f"A {kind.value} is not answered here: subscriptions need WebSocket or server-sent events.")
    return Answer([answer_failure(refusal, request_id)])
