"""The door in this process: the domain's own verbs, on the operator's word."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from app import tenant
from app.access import Actor
from app.allowance import one_answer
from app.cli.transfer.door import ID, TEXT, VECTOR, Door, Making, Question, Stretch, TableColumn, Target
from app.domain import collection as collections
from app.domain import database as databases
from app.domain import document, document_insertion, embedding, item, loading, row, row_insertion, row_item
from app.domain.attaching import Embedding
from app.domain.insertion import Item, ItemStatus, OnConflict
from app.errors import GatewayError, NotFound
from app.gateway import Gateway
from app.store import collection as collection_store
from app.store import database as database_store
from app.store import document as document_store
from app.store import organization as organization_store
from app.store import row as row_store
from app.store import row_key
from app.store import table as table_store
from app.store.key import decode_key
from app.store.record import Collection, ColumnType, Database, Document, Metric, Table, TableRow
from resolvers.scalar import floats

PAGE_BYTES: Final = 16 * 1024 * 1024
"""Of the records of a page."""

LOCAL: Final = Embedding(provider="local", credential=None, model="wordllama-256", dimension=None, parameters=None)


@asynccontextmanager
async def opened(
    gateway: Gateway, organization_name: str, target: Target, *, making: Making = None
) -> AsyncIterator[Door]:
    """The door to a target of an organization. `making`: a database and collection that are not there are made. Raises NotFound."""
    async with gateway.postgres.catalogue.connection() as connection:
        organization = await organization_store.by_name(connection, organization_name)
    if organization is None:
        raise NotFound(f"There is no organization named {organization_name!r}.")
    with tenant.working_for(organization.id):
        actor = Actor.operator(organization.id)
        home = await _database(gateway, actor, target, making=making)
        if target.is_table:
            yield TableDoor(gateway, actor, target, await _table(gateway, actor, home, target))
        else:
            yield CollectionDoor(gateway, actor, target, await _collection(gateway, actor, home, target, making=making))


class CollectionDoor(Door):
    """The door to a collection."""

    def __init__(self, gateway: Gateway, actor: Actor, target: Target, home: Collection) -> None:
        self.target, self.name, self.columns = target, str(home.id), ()
        self._gateway, self._actor, self._home = gateway, actor, home

    async def insert(
        self, items: Sequence[Mapping[str, Any]], on_conflict: OnConflict, key: str | None
    ) -> Sequence[Item]:
        done = await document_insertion.insert(
            self._gateway, self._actor, self._home.id, documents=items, on_conflict=on_conflict, idempotency_key=key
        )
        return done.items

    @asynccontextmanager
    async def loading(self, tell: Callable[[str], None]) -> AsyncIterator[None]:
        async with loading.into(self._gateway, self._home):
            yield
            tell("Building the vector index")

    async def check(self, items: Sequence[Mapping[str, Any]]) -> Sequence[Item]:
        resolved = await embedding.resolve(self._gateway, self._actor, self._home.id)
        faults = []
        for index, each in enumerate(items):
            try:
                item.draft(resolved, each, index, item.given_key(each))
            except GatewayError as error:
                faults.append(_fault(index, error))
        return faults

    async def page(self, asked: Question, after: str | None, first: int) -> Stretch:
        wanted = document_store.Wanted(body=True, text=True, vector=True)
        with one_answer(PAGE_BYTES):
            found = await document.page(
                self._gateway, self._actor, self._home, wanted=wanted, given=asked.given, first=first, after=after
            )
        records = [_document(each, vectors=asked.vectors) for each in found.items]
        return Stretch(records, found.cursors[-1] if found.has_next else None)

    async def count(self, asked: Question) -> int:
        return await document.count(self._gateway, self._actor, self._home, asked.given)


class TableDoor(Door):
    """The door to a table."""

    def __init__(self, gateway: Gateway, actor: Actor, target: Target, home: Table) -> None:
        self.target, self.name = target, str(home.id)
        self.columns = tuple(
            TableColumn(each.name, each.type, each.source_column_id is not None) for each in home.shown
        )
        self._gateway, self._actor, self._home = gateway, actor, home

    async def insert(
        self, items: Sequence[Mapping[str, Any]], on_conflict: OnConflict, key: str | None
    ) -> Sequence[Item]:
        done = await row_insertion.insert(
            self._gateway, self._actor, self._home.id, rows=items, on_conflict=on_conflict, idempotency_key=key
        )
        return done.items

    async def check(self, items: Sequence[Mapping[str, Any]]) -> Sequence[Item]:
        resolved = await embedding.resolve_table(self._gateway, self._actor, self._home.id)
        faults = []
        for index, each in enumerate(items):
            try:
                row_item.draft(resolved, each, index, row_key.of_row(resolved.table, each))
            except GatewayError as error:
                faults.append(_fault(index, error))
        return faults

    async def page(self, asked: Question, after: str | None, first: int) -> Stretch:
        vectors = [each for each in self.columns if each.type is ColumnType.VECTOR]
        names = frozenset(each.name for each in vectors if asked.vectors or not each.follows)
        wanted = row_store.Wanted(fields=True, vectors=names)
        with one_answer(PAGE_BYTES):
            found = await row.page(
                self._gateway, self._actor, self._home, wanted=wanted, given=asked.given, first=first, after=after
            )
        return Stretch([_row(each) for each in found.items], found.cursors[-1] if found.has_next else None)

    async def count(self, asked: Question) -> int:
        return await row.count(self._gateway, self._actor, self._home, asked.given)


def _document(found: Document, *, vectors: bool) -> dict[str, Any]:
    """As it is inserted: a vector that was made from its text is made again."""
    record: dict[str, Any] = {ID: decode_key(found.key), **(found.body or {})}
    if found.text is not None:
        record[TEXT] = found.text
    if found.vector is not None and (vectors or found.text is None):
        record[VECTOR] = floats(found.vector)
    return record


def _row(found: TableRow) -> dict[str, Any]:
    made = {name: floats(vector) for name, vector in found.vectors.items() if vector is not None}
    return {name: value for name, value in found.fields.items() if value is not None} | made


def _fault(index: int, error: GatewayError) -> Item:
    return Item(index, None, ItemStatus.FAILED, error.code, error.retryable, error.message)


async def _database(gateway: Gateway, actor: Actor, target: Target, *, making: Making) -> Database:
    async with gateway.postgres.catalogue.connection() as connection:
        found = await database_store.by_name(connection, actor.organization_id, None, target.database)
    if found is not None:
        return found
    if making is None:
        raise NotFound(f"There is no database named {target.database!r}: --create makes it, and the collection.")
    making()
    return await databases.create(gateway, actor, target.database, None, [])


async def _collection(gateway: Gateway, actor: Actor, home: Database, target: Target, *, making: Making) -> Collection:
    async with gateway.postgres.catalogue.connection() as connection:
        found = await collection_store.by_names(connection, actor.organization_id, None, [(home.id, target.name)])
    if found:
        return found[0]
    if making is None:
        raise NotFound(
            f"{home.name} has no collection named {target.name!r}: --create makes it, with the local model; createCollection, with any."
        )
    making()
    return await collections.create(
        gateway, actor, home.id, name=target.name, embedding=LOCAL, dimension=None, metric=Metric.COSINE
    )


async def _table(gateway: Gateway, actor: Actor, home: Database, target: Target) -> Table:
    async with gateway.postgres.catalogue.connection() as connection:
        found = await table_store.by_names(connection, actor.organization_id, None, [(home.id, target.name)])
    if not found:
        raise NotFound(f"{home.name} has no table named {target.name!r}: make it with createTable.")
    return found[0]
