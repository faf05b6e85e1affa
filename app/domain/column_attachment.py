"""Integrations of vector columns: attached and taken off at any time, to tables new and old (rule 27)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn
from uuid import UUID

from app.access import Actor, Permission
from app.domain import attaching, audit, collection, column, database, new_column, table
from app.domain.table_version import anew, changing
from app.errors import AlreadyExists, EmbeddingConfigurationPermanent
from app.gateway import Gateway
from app.store import attachment
from app.store import column as column_store
from app.store.record import Attachment, Column, Table


@dataclass(frozen=True, slots=True)
class Attached:
    """The table and the column as they are now, and what the caller should know."""

    table: Table
    column: Column
    warnings: list[str]


async def refuse_collection(gateway: Gateway, actor: Actor, collection_id: UUID) -> NoReturn:
    """What a verb about a column's configuration says to a collection. Raises NotFound, PermissionDenied or that it is permanent."""
    found = await collection.find(gateway, actor, collection_id)
    actor.require(Permission.ALTER_TABLE)
    raise EmbeddingConfigurationPermanent(
        f"{found.name!r} is a collection, whose embedding configuration is permanent: "
        "make a new one from it with migrateCollection.",
        collection=found.name,
    )


async def attach(
    gateway: Gateway,
    actor: Actor,
    table_id: UUID,
    name: str,
    embedding: attaching.Embedding,
    source_column: str | None,
    *,
    replace: bool,
) -> Attached:
    """Attach an integration to a vector column; its vectors and its index stay. `replace`: in the place of another."""

    async def work() -> list[str]:
        found = await table.find(gateway, actor, table_id)
        actor.require(Permission.ALTER_TABLE)
        [home] = await database.find_all(gateway, actor, [found.database_id])
        wanted_for = column.vector(found, name)
        column.check_settled(found, wanted_for)
        before = await _present(gateway, actor, wanted_for)
        if before is not None and not replace:
            raise _attached_already(before, name)
        source = new_column.source_of(found.columns, wanted_for, source_column) if source_column is not None else None
        exactly = new_column.of_dimension(embedding, wanted_for.dimension, name)
        wanted = await attaching.attachable(gateway, actor, home, exactly, wanted_for.id)
        async with changing(gateway, found) as connection:
            await attachment.delete_of_column(connection, actor.organization_id, wanted_for.id)
            await attaching.attach(connection, wanted, found.id)
            if source is not None:
                await column_store.set_source(connection, actor.organization_id, wanted_for.id, source.id)
            told = {"column": name, "provider": wanted.provider, "model": wanted.model, "replaced": before is not None}
            await audit.done(connection, actor, "attach_integration", "Table", found.id, found.name, **told)
        return _warnings(before, wanted, name)

    return await _now(gateway, actor, table_id, name, await anew(work))


async def detach(gateway: Gateway, actor: Actor, table_id: UUID, name: str) -> Attached:
    """Take the integration off a vector column; its vectors and its index stay. Does nothing where none is attached.

    Nothing can keep the vectors in step with a text from now on: the sourceColumn goes, too.
    """

    async def work() -> None:
        found = await table.find(gateway, actor, table_id)
        actor.require(Permission.ALTER_TABLE)
        wanted_for = column.vector(found, name)
        column.check_settled(found, wanted_for)
        async with changing(gateway, found) as connection:
            await attachment.delete_of_column(connection, actor.organization_id, wanted_for.id)
            await column_store.set_source(connection, actor.organization_id, wanted_for.id, None)
            await audit.done(connection, actor, "detach_integration", "Table", found.id, found.name, column=name)

    await anew(work)
    return await _now(gateway, actor, table_id, name, [])


async def _present(gateway: Gateway, actor: Actor, of: Column) -> Attachment | None:
    async with gateway.postgres.catalogue.connection() as connection:
        found = await attachment.of_columns(connection, actor.organization_id, actor.databases, [of.id])
    return found[0] if found else None


async def _now(gateway: Gateway, actor: Actor, table_id: UUID, name: str, warnings: Sequence[str]) -> Attached:
    found = await table.find(gateway, actor, table_id)
    return Attached(found, column.named(found, name), list(warnings))


def _attached_already(before: Attachment, name: str) -> AlreadyExists:
    return AlreadyExists(
        f"{before.model} of {before.provider} is attached to {name!r} already: embed its rows anew with migrateVectorColumn, "
        "or say replace: true to change what new text is embedded with, and nothing else.",
        column=name,
        provider=before.provider,
        model=before.model,
    )


def _warnings(before: Attachment | None, now: Attachment, name: str) -> list[str]:
    """Vectors of two models cannot be compared with each other; two credentials of one model make no difference."""
    if before is None or _space(before) == _space(now):
        return []
    warning = (
        f"Vectors that {name!r} held before come from {before.model} of {before.provider}, and cannot be compared with those of "
        f"{now.model} of {now.provider}: searches by text find the old rows by chance only. "
        "migrateVectorColumn embeds every row anew."
    )
    return [warning]


def _space(use: Attachment) -> tuple[object, ...]:
    """What makes vectors comparable."""
    return use.provider, use.model, use.dimension, use.parameters
