"""Re-sealing: every stored secret under the newest key of the ring, online and in small steps; and whether all of them open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from app.domain.embedding import context
from app.gateway import Gateway
from app.secret import Sealed, SecretUnreadable
from app.store import credential

BATCH = 100
FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many credentials were re-sealed, how many were under the newest key already, and which do not open."""

    done: int
    already: int
    unreadable: list[UUID]


async def reseal(gateway: Gateway) -> Resealed:
    """Re-seal what is under an older key. Run again after an interruption it goes on; rotations in between are no trouble."""
    done = already = 0
    unreadable: list[UUID] = []
    async for credential_id, organization_id, current, previous in _every_secret(gateway):
        if all(each is None or each.key_id == gateway.keyring.newest for each in (current, previous)):
            already += 1
            continue
        try:
            whose = context(organization_id, credential_id)
            fresh = gateway.keyring.reseal(current, whose), previous and gateway.keyring.reseal(previous, whose)
        except SecretUnreadable:
            unreadable.append(credential_id)
            continue
        async with gateway.postgres.catalogue.connection() as connection:
            replaced = await credential.reseal(connection, credential_id, (current, previous), fresh)
        done, already = (done + 1, already) if replaced else (done, already + 1)
    return Resealed(done, already, unreadable)


async def unreadable(gateway: Gateway) -> list[UUID]:
    """The credentials whose secrets no key of the ring opens."""
    bad = []
    async for credential_id, organization_id, *sealed in _every_secret(gateway):
        try:
            for each in filter(None, sealed):
                gateway.keyring.reseal(each, context(organization_id, credential_id))
        except SecretUnreadable:
            bad.append(credential_id)
    return bad


async def _every_secret(gateway: Gateway) -> AsyncIterator[tuple[UUID, UUID, Sealed, Sealed | None]]:
    after = FIRST
    while True:
        async with gateway.postgres.catalogue.connection() as connection:
            batch = await credential.every_secret(connection, after, BATCH)
        if not batch:
            return
        for each in batch:
            yield each
        after = batch[-1][0]
