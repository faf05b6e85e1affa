"""The SQL of attachments: what one read resolves, and what is listed, counted and left (rules 6, 13 and 16)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from uuid import UUID

import pytest

from app.postgres import Connection
from app.secret import Sealed
from app.store import attachment, collection, credential, database, integration, organization, scoped_database, target
from app.store.attachment import Uses
from app.store.record import Attachment, Collection, Metric, new_id
from tests.app.store.support import undone

OPENAI = Uses("openai", models=["small"], regions=None)


@dataclass
class Tenant:
    """An organization in SQL."""

    connection: Connection
    id: UUID
    integration_id: UUID
    credentials: dict[str, UUID] = field(default_factory=dict)

    async def database(self, name: str, region: str = "local") -> UUID:
        made = await database.insert(self.connection, self.id, name, region)
        assert made is not None
        return made.id

    async def credential(self, name: str, *databases: UUID) -> UUID:
        identifier = self.credentials[name] = new_id()
        sealed = Sealed(f"v1.k.{name}")
        await credential.insert(self.connection, self.id, self.integration_id, identifier, name, sealed, "abcd")
        await scoped_database.add(self.connection, self.id, [identifier], databases)
        return identifier

    async def attached(
        self, home: UUID, name: str, *, credential: str | None = "main", model: str = "small", active: bool = True
    ) -> Collection:
        made = await collection.insert(self.connection, self.id, home, name, 3, Metric.COSINE)
        assert made is not None
        integration_id = self.integration_id if credential else None
        provider = "openai" if credential else "local"
        use = Attachment(
            new_id(), self.id, home, made.id, None, None, provider, integration_id, credential, model, 3, {"p": 1}
        )
        assert await attachment.insert(self.connection, use, made.id)
        if active:
            await target.activate(self.connection, self.id, made.id)
        return made


async def tenant(connection: Connection, name: str) -> Tenant:
    made = await organization.create(connection, name)
    assert made is not None
    return Tenant(connection, made.id, (await integration.enable(connection, made.id, "openai")).id)


@pytest.fixture
async def ours(connection: Connection) -> AsyncIterator[Tenant]:
    async with undone(connection):
        yield await tenant(connection, "ours")


async def names(ours: Tenant, which: Uses, databases: list[UUID] | None = None) -> list[str]:
    """What uses and count_uses agree on."""
    found = await attachment.uses(ours.connection, ours.id, databases, which, limit=100)
    assert await attachment.count_uses(ours.connection, ours.id, databases, which) == len(found)
    rows = await collection.by_ids(ours.connection, ours.id, None, [each.target_id for each in found])
    by_id = {row.id: row.name for row in rows}
    return [by_id[each.target_id] for each in found]


async def test_one_read_resolves_a_target_with_its_credential_and_scope(ours: Tenant) -> None:
    home = await ours.database("library")
    identifier = await ours.credential("main", home)
    books = await ours.attached(home, "books")
    found = (await attachment.resolve(ours.connection, ours.id, None, [books.id]))[books.id]
    assert (found.target.name, found.database_name, found.in_scope) == ("books", "library", True)
    assert found.attachment is not None
    assert (found.attachment.credential_name, found.attachment.parameters) == ("main", {"p": 1})
    assert found.secret is not None
    assert (found.secret.credential_id, found.secret.version, found.secret.sealed.text) == (identifier, 1, "v1.k.main")


async def test_resolving_follows_the_credential_s_name_and_the_scope(ours: Tenant) -> None:
    home = await ours.database("library")
    books = await ours.attached(home, "books")

    async def standing() -> tuple[bool, bool]:
        found = (await attachment.resolve(ours.connection, ours.id, None, [books.id]))[books.id]
        assert found.attachment is not None
        states = await attachment.states(ours.connection, ours.id, [found.attachment.id])
        assert states == {found.attachment.id: (found.secret is not None, found.in_scope)}
        return found.secret is not None, found.in_scope

    assert await standing() == (False, False)
    await ours.credential("other", home)
    assert await standing() == (False, False)
    identifier = await ours.credential("main")
    assert await standing() == (True, False)
    await scoped_database.add(ours.connection, ours.id, [identifier], [home])
    assert await standing() == (True, True)
    await credential.delete(ours.connection, ours.id, identifier)
    assert await standing() == (False, False)


async def test_a_target_is_resolved_for_its_organization_and_the_databases_that_are_seen(ours: Tenant) -> None:
    home, other = await ours.database("library"), await ours.database("archive")
    books, hidden = await ours.attached(home, "books"), await ours.attached(home, "half", active=False)
    theirs = await tenant(ours.connection, "theirs")

    async def resolved(organization_id: UUID, databases: list[UUID] | None, target: UUID) -> bool:
        return target in await attachment.resolve(ours.connection, organization_id, databases, [target])

    assert await resolved(ours.id, None, books.id)
    assert await resolved(ours.id, [home], books.id)
    assert not await resolved(ours.id, [other], books.id)
    assert not await resolved(ours.id, [], books.id)
    assert not await resolved(theirs.id, None, books.id)
    assert not await resolved(ours.id, None, hidden.id)


async def test_uses_are_told_apart_by_provider_credential_database_and_availability(ours: Tenant) -> None:
    home, archive = await ours.database("library"), await ours.database("archive", "europe")
    await ours.credential("main", home)
    await ours.credential("wide", home, archive)
    await ours.attached(home, "works")
    await ours.attached(archive, "descoped")
    await ours.attached(home, "gone", credential="nobody")
    await ours.attached(home, "ended", model="old")
    await ours.attached(archive, "wide", credential="wide")
    await ours.attached(home, "hosted", credential=None)
    await ours.attached(home, "half", active=False)

    assert await names(ours, OPENAI) == ["works", "descoped", "gone", "ended", "wide"]
    assert await names(ours, replace(OPENAI, available=True)) == ["works", "wide"]
    assert await names(ours, replace(OPENAI, available=False)) == ["descoped", "gone", "ended"]
    assert await names(ours, replace(OPENAI, available=True, regions=["local"])) == ["works"]
    assert await names(ours, replace(OPENAI, available=True, models=[])) == []
    assert await names(ours, replace(OPENAI, credential_name="main")) == ["works", "descoped", "ended"]
    assert await names(ours, replace(OPENAI, database_id=archive)) == ["descoped", "wide"]
    assert await names(ours, OPENAI, [archive]) == ["descoped", "wide"]
    assert await names(ours, OPENAI, []) == []
    hosted = Uses("local", models=["small"], regions=["local"], available=True)
    assert await names(ours, hosted) == ["hosted"]
    assert await names(ours, replace(hosted, regions=[])) == []
    theirs = await tenant(ours.connection, "theirs")
    assert await names(theirs, OPENAI) == []


async def test_what_is_left_of_an_integration_counts_what_nobody_sees_yet(ours: Tenant) -> None:
    home = await ours.database("library")
    for number in range(3):
        await ours.attached(home, f"books_{number}", active=number != 0)
    await ours.attached(home, "hosted", credential=None)
    left = await attachment.left(ours.connection, ours.id, ours.integration_id, 2)
    assert left == (["library.books_0", "library.books_1"], 3)
    theirs = await tenant(ours.connection, "theirs")
    assert await attachment.left(ours.connection, theirs.id, ours.integration_id, 2) == ([], 0)


async def test_nothing_is_attached_to_an_integration_that_is_gone(ours: Tenant) -> None:
    home = await ours.database("library")
    await integration.delete(ours.connection, ours.id, ours.integration_id)
    books = await collection.insert(ours.connection, ours.id, home, "books", 3, Metric.COSINE)
    assert books is not None
    use = Attachment(
        new_id(), ours.id, home, books.id, None, None, "openai", ours.integration_id, "main", "small", 3, {}
    )
    assert not await attachment.insert(ours.connection, use, books.id)
    assert await attachment.insert(ours.connection, replace(use, integration_id=None, credential_name=None), books.id)
