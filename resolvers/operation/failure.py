"""From anything that went wrong to the `errors` of an answer: code, family, retryable, facts, request id.

What is no GatewayError is a fault of the gateway: it is logged here, once, and answered without a word of its own.
Documents, variables and argument values never pass through this room.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NotRequired, TypedDict

import structlog
from graphql import GraphQLError, GraphQLSyntaxError, ValueNode, VariableNode
from graphql.language import FormattedSourceLocation
from strawberry.exceptions import StrawberryInputCoercionError

from app.errors import BadInput, GatewayError, Internal
from resolvers.operation.coercion import quiet_syntax_message

INTERNAL = "The gateway failed at this; its log says why, under the request id."
MISFIT = "An argument has a value that does not fit its type."

LONGEST_MESSAGE = 500
"""Validation repeats names of the document, and a name has no bound of its own."""


class AnswerError(TypedDict):
    """One entry of `errors`. Errors of a whole request have no place."""

    message: str
    extensions: dict[str, object]
    locations: NotRequired[list[FormattedSourceLocation]]
    path: NotRequired[list[str | int]]


log = structlog.get_logger(__name__)


def answer_errors(errors: Iterable[GraphQLError], request_id: str) -> list[AnswerError]:
    """The `errors` of an answer, in their order. A fault of the gateway is logged once, however many fields it struck."""
    answered, logged = [], set[object]()
    for error in errors:
        original = raised_first(error)
        cause = _cause(error, original)
        known_by = id(original) if isinstance(cause, Internal) else cause.code
        if known_by not in logged:
            logged.add(known_by)
            _log(cause, original, error.path)
        answered.append(_placed(_entry(cause, request_id), error))
    return answered


def answer_failure(failure: Exception, request_id: str) -> AnswerError:
    """The one error of a request that failed as a whole, before or outside the resolving of fields."""
    cause = failure if isinstance(failure, GatewayError) else Internal(INTERNAL)
    _log(cause, failure, None)
    return _entry(cause, request_id)


def bad_input(error: GraphQLError) -> GraphQLError:
    """A parse or validation error as BAD_INPUT: the same place and words, but nothing of the document kept alive."""
    return located(BadInput(_words(error)), error)


def located(cause: GatewayError, error: GraphQLError | None = None) -> GraphQLError:
    """`cause` at the place of another error, without its syntax tree and source text."""
    detached = GraphQLError(cause.message, original_error=cause)
    detached.locations = error.locations if error else None
    return detached


def raised_first(error: Exception) -> Exception:
    """What was raised first: graphql-core wraps errors when it finds their place, sometimes twice."""
    while isinstance(error, GraphQLError) and error.original_error is not None:
        error = error.original_error
    return error


def _cause(error: GraphQLError, original: Exception) -> GatewayError:
    if isinstance(original, GatewayError):
        return original
    if error.path is None and original is error:
        return BadInput(_words(error))
    return BadInput(_misfit(error)) if _quotes_input(error, original) else Internal(INTERNAL)


def _words(error: GraphQLError) -> str:
    words = quiet_syntax_message(error) if isinstance(error, GraphQLSyntaxError) else error.message
    return words if len(words) <= LONGEST_MESSAGE else f"{words[:LONGEST_MESSAGE]}…"


def _quotes_input(error: GraphQLError, original: Exception) -> bool:
    """Whether it is about an input value, for then its message prints that value.

    Strawberry has a class for such errors. graphql-core points at the value's node where an argument is coerced while
    executing, and wraps an error in another, without a path, where a variable is.
    """
    if isinstance(original, StrawberryInputCoercionError):
        return True
    if error.path is None:
        return isinstance(original, GraphQLError)
    return any(isinstance(node, ValueNode) for node in error.nodes or ())


def _misfit(error: GraphQLError) -> str:
    """Of a variable, validation has seen to the type: what is left is that it has no value where one is needed."""
    names = [node.name.value for node in error.nodes or () if isinstance(node, VariableNode)]
    return (
        f"Variable ${names[0]} is null where a value is needed: leave it out to have the default." if names else MISFIT
    )


def _log(cause: GatewayError, original: Exception, path: list[str | int] | None) -> None:
    if isinstance(cause, Internal):
        log.error("failed", code=cause.code, path=path, exc_info=original)
    else:
        log.info("refused", code=cause.code, path=path)


def _entry(cause: GatewayError, request_id: str) -> AnswerError:
    return {"message": cause.message, "extensions": {**cause.extensions, "requestId": request_id}}


def _placed(entry: AnswerError, error: GraphQLError) -> AnswerError:
    if error.locations:
        entry["locations"] = [location.formatted for location in error.locations]
    if error.path is not None:
        entry["path"] = error.path
    return entry
