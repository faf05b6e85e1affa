"""Permissions as the schema shows them, and the one way to declare a mutation: with the permission that it needs."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import inspect
import operator
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import strawberry
from strawberry.schema_directive import Location

from app.access import Permission
from app.domain.refusal import Refusal
from resolvers.context import Info
from resolvers.described import described_enum
from resolvers.mutation import Input
from resolvers.node import as_uuid, split

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
        "WRITE_DATA": "Insert, update and delete documents and rows. How many a filter matched is answered: who may write can find "
        "out values by asking for them.",
        "MANAGE_ACCESS": "Manage access tokens and roles, read the audit log. Nothing is given that the giver has not; anything is taken.",
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
    """Declare a mutation. A refusal is noted under the mutation's name, and is in the audit log before it is answered."""

    def declare(resolver: Callable[..., Awaitable[R]]) -> Any:  # noqa: ANN401 - a field, as strawberry has it
        @functools.wraps(resolver)
        async def audited(self: object, info: Info, *args: Any, **kwargs: Any) -> R:  # noqa: ANN401 - the resolver's own
            try:
                return await resolver(self, info, *args, **kwargs)
            except (Exception, asyncio.CancelledError) as error:
                info.context.refusals.note(Refusal.of(resolver.__name__, error, _target(kwargs["input"])))
                raise
            finally:
                info.context.forget()

        audited.__signature__ = _described(inspect.signature(resolver))  # type: ignore[attr-defined] # what strawberry reads
        declared: Any = strawberry.mutation(resolver=audited, **needing(permission, description))
        return declared

    return declare


def _target(given: Input) -> str | None:
    """What the first id of an input stands for, as the log keeps it; None unless a server could have made it."""
    names = [field.name for field in dataclasses.fields(given) if field.name.endswith("_id")]
    ids = [str(getattr(given, name)) for name in names if name != "client_mutation_id"]
    kind, key = (split(ids[0]) if ids else None) or ("", "")
    return f"{kind}:{key}" if kind.isalpha() and as_uuid(key) else None


def _described(signature: inspect.Signature) -> inspect.Signature:
    """The same signature, its `input` described: the fields of the input say the rest."""
    parameters = dict(signature.parameters)
    about = strawberry.argument(description="All that the mutation takes.")
    annotation = operator.getitem(Annotated, (parameters["input"].annotation, about))
    parameters["input"] = parameters["input"].replace(annotation=annotation)
    return signature.replace(parameters=list(parameters.values()))
