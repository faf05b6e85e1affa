"""The keys that seal: whether each is the one known by its id, whether it opens all that it sealed, and re-sealing under the newest.

A key is known by a fingerprint in the catalogue from the first start on. Another key under its id seals nothing: of two keys with
one id, only one could be put back into the ring.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from app.access import Actor
from app.domain import audit
from app.domain.embedding import context
from app.errors import Internal
from app.gateway import Gateway
from app.postgres import Connection
from app.secret import Keyring, Sealed, SecretUnreadable
from app.store import credential, encryption_key

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
    known: bool
    """It is the key that is known by this id: what it does not open is damaged."""
    opens: int = 0
    unreadable: list[UUID] = field(default_factory=list)

    @property
    def lost(self) -> bool:
        """It is not in the ring, or another may have its id."""
        return bool(self.key_id) and not self.known


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
    ring = gateway.keyring.identities()
    async with gateway.postgres.catalogue.connection() as connection:
        known = await encryption_key.known(connection)
    found: dict[str, KeyInUse] = {}
    async for credential_id, organization_id, *sealed in _every_secret(gateway):
        for each in filter(None, sealed):
            name = each.key_id
            is_known = name in ring and known.get(name) == ring[name]
            key = found.setdefault(name, KeyInUse(name, name in ring, is_known))
            if gateway.keyring.opens(each, context(organization_id, credential_id)):
                key.opens += 1
            elif credential_id not in key.unreadable[-1:]:
                key.unreadable.append(credential_id)
    return [found[key_id] for key_id in sorted(found)]


async def know_keys(gateway: Gateway) -> None:
    """Know the keys of the ring that are not known yet: those that seal nothing, and those that open all that they seal."""
    ring = gateway.keyring.identities()
    async with gateway.postgres.catalogue.connection() as connection:
        known = await encryption_key.known(connection)
    if all(known.get(key_id) == identity for key_id, identity in ring.items()):
        return
    whole = {each.key_id for each in await keys_in_use(gateway) if not each.unreadable}
    async with gateway.postgres.catalogue.transaction() as connection:
        await encryption_key.lock(connection)
        known, sealing = await encryption_key.known(connection), await credential.key_ids(connection)
        for key_id, identity in ring.items():
            if key_id not in sealing or (key_id in whole and key_id not in known):
                await encryption_key.put(connection, key_id, identity)


async def require_known(connection: Connection, keyring: Keyring) -> None:
    """In the transaction that stores what the newest key has sealed. Raises Internal where another key has its id."""
    if await encryption_key.hold(connection, keyring.newest) != keyring.identities()[keyring.newest]:
        raise Internal(
            f"Nothing is sealed here: the key {keyring.newest!r} of this server is not the one that is known by this id. "
            "Its operator has to put that one back, or to give this one an id of its own."
        )


async def _go_through(gateway: Gateway) -> tuple[Resealed, bool]:
    """Once through all credentials; and whether somebody else changed one between our look and our hand."""
    done = already = 0
    unreadable: list[UUID] = []
    overtaken = False
    async for credential_id, organization_id, *old in _every_secret(gateway):
        whose = context(organization_id, credential_id)
        fresh = [_fresh(gateway.keyring, each, whose) for each in old]
        if any(each is not None and new is None for each, new in zip(old, fresh, strict=True)):
            unreadable.append(credential_id)
        new = [fresh_one or each for each, fresh_one in zip(old, fresh, strict=True)]
        if new != old:
            replaced = await _replace(gateway, organization_id, credential_id, old, new)
            done, overtaken = done + replaced, overtaken or not replaced
        elif credential_id not in unreadable[-1:]:
            already += 1
    return Resealed(done, already, unreadable), overtaken


def _fresh(keyring: Keyring, sealed: Sealed | None, whose: str) -> Sealed | None:
    """The secret under the newest key; itself where it is that already. None where it is none, or does not open."""
    if sealed is None or sealed.key_id == keyring.newest:
        return sealed
    try:
        return keyring.reseal(sealed, whose)
    except SecretUnreadable:
        return None


async def _replace(
    gateway: Gateway,
    organization_id: UUID,
    credential_id: UUID,
    old: Sequence[Sealed | None],
    new: Sequence[Sealed | None],
) -> bool:
    """False when a rotation came between."""
    newest = gateway.keyring.newest
    async with gateway.postgres.catalogue.transaction() as connection:
        await require_known(connection, gateway.keyring)
        name = await credential.reseal(connection, credential_id, old, new)
        if name is not None:
            operator = Actor.operator(organization_id)
            await audit.done(connection, operator, "rotate_keys", "Credential", credential_id, name, key=newest)
    return name is not None


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
