"""Refusals in the audit log: whatever a request was refused, each kind once with a count, and no more than the quota takes.

They are noted where they happen, and told before the request is answered, also when it was broken off.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Final

import structlog

from app.access import Actor
from app.domain import audit
from app.errors import GatewayError, Internal, LimitExceeded, RateLimited
from app.gateway import Gateway

TELLING_SECONDS: Final = 3.0
"""How long an answer waits for the log; then the refusal is in this process's own log only."""

LEFT_OUT: Final = "refusals_left_out"
"""The action of the event that says how many were beyond the quota."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was refused, and why. `target`: the `kind:id` that it was about."""

    action: str
    code: str
    target: str | None = None
    permission: str | None = None
    """For want of which."""
    interrupted: bool = False
    """It ran out of time: what it was about to do may have been done."""

    @classmethod
    def of(cls, action: str, error: BaseException, target: str | None = None) -> Refusal:
        """That of an exception; anything but a GatewayError is a fault of ours."""
        if isinstance(error, asyncio.CancelledError):
            return cls(action, LimitExceeded.code, target, interrupted=True)
        facts = error.facts if isinstance(error, GatewayError) else {}
        permission = facts.get("permission")
        code = error.code if isinstance(error, GatewayError) else Internal.code
        return cls(action, code, target, str(permission) if permission else None)

    def details(self, count: int) -> dict[str, object]:
        told: dict[str, object] = {"count": count}
        if self.permission is not None:
            told["permission"] = self.permission
        if self.interrupted:
            told["interrupted"] = True
        return told


class Refusals:
    """What one actor was refused and nobody has been told yet."""

    def __init__(self, gateway: Gateway, actor: Actor) -> None:
        self._gateway = gateway
        self._actor = actor
        self._noted = Counter[Refusal]()

    def note(self, refusal: Refusal) -> None:
        self._noted[refusal] += 1

    async def tell(self) -> None:
        """Write what was noted. It is written also when whoever waits for it is cancelled; where it cannot be, the log says so."""
        if not self._noted:
            return
        noted, self._noted = self._noted, Counter()
        writing = asyncio.create_task(self._write(noted))
        _writing.add(writing)
        writing.add_done_callback(_writing.discard)
        await asyncio.shield(writing)

    async def _write(self, noted: Counter[Refusal]) -> None:
        for refusal, count in noted.items():
            if self._gateway.refusals.admits(self._actor, count):
                await _told(self._gateway, self._actor, refusal, refusal.details(count))


_writing = set[asyncio.Task[None]]()
"""A task that nobody refers to may be collected before it has ended."""


async def tell(gateway: Gateway, actor: Actor, refusal: Refusal) -> None:
    """Note and write a single one."""
    refusals = Refusals(gateway, actor)
    refusals.note(refusal)
    await refusals.tell()


async def tell_left_out(gateway: Gateway, *, last: bool = False) -> None:
    """Write how many were beyond the quota, in the minutes that are over; `last`: in all of them."""
    refusal = Refusal(LEFT_OUT, RateLimited.code)
    over = gateway.refusals.take(last=last)
    await asyncio.gather(*(_told(gateway, each.actor, refusal, refusal.details(each.left_out)) for each in over))


async def _told(gateway: Gateway, actor: Actor, refusal: Refusal, details: dict[str, object]) -> None:
    try:
        async with asyncio.timeout(TELLING_SECONDS):
            await audit.refused(gateway, actor, refusal.action, refusal.code, refusal.target, details)
    except (GatewayError, TimeoutError) as failure:
        reason = failure.message if isinstance(failure, GatewayError) else f"not within {TELLING_SECONDS:g} s"
        log.warning("refusal_not_in_audit_log", action=refusal.action, code=refusal.code, reason=reason)
