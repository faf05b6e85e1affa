"""Permissions as the schema shows them, and the one way to declare a mutation: with the permission that it needs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import strawberry
from strawberry.schema_directive import Location

from app.access import Permission
from app.domain import audit
from app.errors import GatewayError
from resolvers.context import Info
from resolvers.described import described_enum

R = TypeVar("R")

described_enum(
    Permission,
    "What a role allows.",
    {
        "WRITE_INTEGRATIONS": "Enable and deactivate integrations, add, rotate and remove credentials, change their scopes.",
        "CREATE_DATABASE": "Create databases.",
        "DROP_DATABASE": "Drop databases with all that is in them.",
        "CREATE_COLLECTION": "Create collections and attach integrations to them.",
        "DROP_COLLECTION": "Drop collections with their documents.",
        "CREATE_TABLE": "Create tables and attach integrations to their vector columns.",
        "ALTER_TABLE": "Add and drop columns, attach and detach integrations.",
        "DROP_TABLE": "Drop tables with their rows.",
        "CREATE_INDEX": "Create and drop vector indexes.",
        "READ_DATA": "Read, count and search documents and rows.",
        "WRITE_DATA": "Insert, update and delete documents and rows.",
        "MANAGE_ACCESS": "Manage access tokens and roles, read the audit log.",
    },
)


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="requiresPermission",
    description="The caller needs this permission. (The description of the field says so too: introspection does not show directives.)",
)
class RequiresPermission:
    permission: Permission = strawberry.directive_field(name="permission")


def needing(permission: Permission, description: str) -> dict[str, Any]:
    """The description and directive of a field that needs a permission."""
    return {
        "description": f"{description} Needs the permission {permission.value}.",
        "directives": [RequiresPermission(permission=permission)],
    }


def mutation(permission: Permission, description: str) -> Callable[[Callable[..., Awaitable[R]]], Any]:
    """Declare a mutation. A refusal is noted in the audit log under the mutation's name, then answered."""

    def declare(resolver: Callable[..., Awaitable[R]]) -> Any:  # noqa: ANN401 - a field, as strawberry has it
        @functools.wraps(resolver)
        async def audited(self: object, info: Info, *args: Any, **kwargs: Any) -> R:  # noqa: ANN401 - the resolver's own
            try:
                answer = await resolver(self, info, *args, **kwargs)
            except GatewayError as error:
                await audit.refused(info.context.gateway, info.context.actor, resolver.__name__, error.code)
                raise
            info.context.forget()
            return answer

        audited.__signature__ = _described(inspect.signature(resolver))  # type: ignore[attr-defined] # what strawberry reads
        declared: Any = strawberry.mutation(resolver=audited, **needing(permission, description))
        return declared

    return declare


def _described(signature: inspect.Signature) -> inspect.Signature:
    """The same signature, its `input` described: the fields of the input say the rest."""
    parameters = dict(signature.parameters)
    annotation = Annotated[
        parameters["input"].annotation, strawberry.argument(description="All that the mutation takes.")
    ]
    parameters["input"] = parameters["input"].replace(annotation=annotation)
    return signature.replace(parameters=list(parameters.values()))
