"""Idempotency keys: a call repeated with the same key and input within a day answers the first outcome and does nothing twice.

Outcomes are committed in the transaction that makes them true. Inputs are kept as keyed hashes, because they may hold a secret.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from app.access import Actor
from app.errors import BadInput
from app.gateway import Gateway
from app.postgres import Connection
from app.store import idempotency as store
from app.store.idempotency import Place
from app.value import check_text

LEAST, MOST = 16, 255


class AlreadyDoneError(Exception):
    """Another call with this key committed first: its outcome is the answer."""


@dataclass(frozen=True, slots=True)
class Once:
    """One call that is to happen once. Without a key nothing is remembered."""

    gateway: Gateway
    place: Place
    token_id: UUID
    key: str | None
    input: bytes

    async def recall(self, connection: Connection) -> Any | None:  # noqa: ANN401 - JSON, as it was recorded
        """The first outcome. Raises BadInput when the key was used with another input."""
        if self.key is None:
            return None
        found = await store.find(connection, self.place, self.token_id, self.key)
        if found is None:
            return None
        fingerprint, outcome = found
        if not self.gateway.keyring.recognizes(fingerprint, self.input):
            raise BadInput("idempotencyKey was used for a call with another input: use a new key for a new call.")
        return outcome

    async def claim(self, connection: Connection, outcome: object) -> None:
        """Record the outcome first thing in its transaction. Raises AlreadyDoneError when another call was faster."""
        if self.key is not None:
            fingerprint = self.gateway.keyring.fingerprint(self.input)
            if not await store.claim(connection, self.place, self.token_id, self.key, fingerprint, outcome):
                raise AlreadyDoneError

    async def settle(self, connection: Connection, outcome: object) -> None:
        """Replace the outcome that was claimed, in the same transaction, by what came of it."""
        if self.key is not None:
            await store.settle(connection, self.place, self.token_id, self.key, outcome)


def once(
    gateway: Gateway, actor: Actor, place: Place, key: str | None, mutation: str, given: Mapping[str, object]
) -> Once:
    """A call of `mutation` with these arguments. Raises BadInput for a malformed key."""
    if key is not None:
        check_text(key, "idempotencyKey")
        if not LEAST <= len(key) <= MOST:
            raise BadInput(
                f"idempotencyKey must have {LEAST} to {MOST} characters, and has {len(key)}.",
                limit=MOST,
                actual=len(key),
            )
    content = _content([mutation, given]) if key is not None else b""
    return Once(gateway, place, actor.token_id, key, content)


def _content(given: object) -> bytes:
    """One text for one input, whatever it holds: items that cannot be stored are refused later, one by one."""
    try:
        return orjson.dumps(given, default=str, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # half a surrogate pair, an integer beyond 64 bits, or more than 254 levels
        try:
            return json.dumps(given, default=str, sort_keys=True).encode()
        except RecursionError:
            raise BadInput("The input is nested too deeply.") from None
