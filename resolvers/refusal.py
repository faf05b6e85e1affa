"""What is done about the errors of an operation before they are answered: permissions that were refused go into the audit log."""

from __future__ import annotations

import re
from collections.abc import Sequence

from graphql import FieldNode, GraphQLError, OperationType

from app.domain.refusal import Refusal
from app.errors import PermissionDenied
from resolvers.context import Context
from resolvers.operation.execution import Ready
from resolvers.operation.failure import raised_first


async def heed(ready: Ready, errors: Sequence[Exception], context: object) -> None:
    """Note each permission that a field was refused, under the field's name; then tell all that the request was refused."""
    if not isinstance(context, Context):
        return
    for error in errors:
        cause = raised_first(error)
        if isinstance(cause, PermissionDenied) and not _is_mutation(ready, error):
            context.refusals.note(Refusal.of(_action(ready, error), cause))
    await context.refusals.tell()


def _is_mutation(ready: Ready, error: Exception) -> bool:
    """A mutation notes its own refusal (see permission.py); what is below it in the answer does not."""
    at_root = isinstance(error, GraphQLError) and len(error.path or ()) == 1
    return at_root and ready.operation.kind is OperationType.MUTATION


def _action(ready: Ready, error: Exception) -> str:
    """The name that the schema has for the field, not the one that the caller gave it; in snake case, as mutations'."""
    nodes = error.nodes or () if isinstance(error, GraphQLError) else ()
    name = next((each.name.value for each in nodes if isinstance(each, FieldNode)), ready.operation.kind.value)
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
