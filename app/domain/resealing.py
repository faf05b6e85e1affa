"""Re-sealing: every stored secret under the newest key of the ring, online and in small steps; and whether all of them open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
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


@dataclass(slots=True)
class KeyInUse:
    """A key that secrets are sealed under: how many of them it opens, and the credentials of those that it does not.

    `key_id` is empty for secrets whose form is damaged.
    """

    key_id: str
    in_ring: bool
    opens: int = 0
    unreadable: list[UUID] = field(default_factory=list)

    @property
    def lost(self) -> bool:
        """It is not in the ring, or another has its id: none of its secrets opens."""
        return bool(self.key_id) and not self.opens


async def reseal(gateway: Gateway) -> Resealed:
    """Re-seal what is under an older key. Run again after an interruption it goes on.

    A credential that is rotated meanwhile is looked at again: a server may still have sealed it under an older key.
    """
    done = 0
    while True:
        outcome, overtaken = await _go_through(gateway)
        done += outcome.done
        if not overtaken:
            return replace(outcome, done=done, already=outcome.already - (done - outcome.done))


async def keys_in_use(gateway: Gateway) -> list[KeyInUse]:
    """Every key that a stored secret is sealed under, by id."""
    found: dict[str, KeyInUse] = {}
    async for credential_id, organization_id, *sealed in _every_secret(gateway):
        for each in filter(None, sealed):
            key = found.setdefault(each.key_id, KeyInUse(each.key_id, each.key_id in gateway.keyring))
            if _opens(gateway, each, context(organization_id, credential_id)):
                key.opens += 1
            elif credential_id not in key.unreadable[-1:]:
                key.unreadable.append(credential_id)
    return [found[key_id] for key_id in sorted(found)]


def _opens(gateway: Gateway, sealed: Sealed, whose: str) -> bool:
    try:
        gateway.keyring.reseal(sealed, whose)
    except SecretUnreadable:
        return False
    return True


async def _go_through(gateway: Gateway) -> tuple[Resealed, bool]:
    """Once through all credentials; and whether somebody else changed one between our look and our hand."""
    done = already = 0
    unreadable: list[UUID] = []
    overtaken = False
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
        done, overtaken = done + replaced, overtaken or not replaced
    return Resealed(done, already, unreadable), overtaken


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
