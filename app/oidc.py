"""An identity provider whose tokens are accepted: its keys, found by OpenID Connect Discovery, renewed, and kept while it is away.

Of tokens nothing is kept, but for those of connections that last.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

import structlog
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from app.setting_value import protected_url
from app.signed_token import Claims, Header, Key, TokenRefusedError, key_for, key_of, read_header, verified
from providers.fetch import Fetched, FetchError

WELL_KNOWN: Final = "/.well-known/openid-configuration"
FETCH_SECONDS: Final = 5.0
"""For both documents together."""
LONGEST_SECONDS, SHORTEST_SECONDS = 600, 60
"""Keys are as good as their max-age says, within these; without it, the longest."""
LATER_SECONDS, AGAIN_SECONDS = 10.0, 1.0
"""Pause after a fetch that did not help, whatever tokens come: while there are keys, and while there are none."""

AWAY: Final = (FetchError, TimeoutError, ValidationError)
"""How fetching its keys fails."""

Fetch: TypeAlias = Callable[[str], Awaitable[Fetched]]
"""Answers the document at an address. Raises FetchError."""

log = structlog.get_logger(__name__)


class _Discovery(BaseModel):
    """What is needed of the provider's metadata (OpenID Connect Discovery 1.0, section 3)."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)

    issuer: str
    jwks_uri: Annotated[str, AfterValidator(protected_url)]


class _KeySet(BaseModel):
    """RFC 7517, section 5; what its keys are is looked at one by one."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)

    keys: list[object]


@dataclass(frozen=True, slots=True)
class _Proof:
    """That a token is good: by this key, and until then (in seconds since 1970)."""

    expires: float
    key: Key


class IdentityProvider:
    """Whose tokens are accepted when they are for `audience`. Fetches one at a time, whoever waits for it."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        fetch: Fetch,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.issuer = issuer
        self._audience = audience
        self._fetch = fetch
        self._clock = clock
        self._wall_clock = wall_clock
        self._keys: tuple[Key, ...] = ()
        self._stale_at = self._not_before = float("-inf")
        self._fetching = asyncio.Lock()
        self._verified_before: dict[str, _Proof] = {}
        """Of the tokens that `standing` was asked for the last time."""

    async def claims(self, token: str) -> Claims:
        """What a token of this provider claims. Raises TokenRefusedError."""
        header = read_header(token)
        await self.meet()
        await self._renew_until(lambda: key_for(header, self._keys) is not None)
        return self._verified(token, header, self._key(header))

    def standing(self, tokens: Collection[str]) -> set[str]:
        """Those of some tokens, all of which `claims` has answered for, that it would by the keys that are known.

        It is asked for the same ones again and again: a signature that was verified stays so, until its key or its time is over.
        """
        self._verified_before = {
            token: found
            for token in tokens
            if (found := self._verified_before.get(token) or self._proof(token)) is not None
        }
        now = self._wall_clock()
        return {
            token for token, proof in self._verified_before.items() if proof.expires > now and proof.key in self._keys
        }

    async def meet(self) -> None:
        """Have fresh keys, if they can be had; those that are known go on to count."""
        await self._renew_until(lambda: self._clock() < self._stale_at)

    def _proof(self, token: str) -> _Proof | None:
        try:
            header = read_header(token)
            key = self._key(header)
            return _Proof(self._verified(token, header, key).exp, key)
        except TokenRefusedError:
            return None

    def _key(self, header: Header) -> Key:
        key = key_for(header, self._keys)
        if key is None:
            raise TokenRefusedError("there is no key that it could be signed with, or more than one")
        return key

    def _verified(self, token: str, header: Header, key: Key) -> Claims:
        return verified(token, header, key, issuer=self.issuer, audience=self._audience, now=self._wall_clock())

    async def _renew_until(self, satisfied: Callable[[], bool]) -> None:
        """Fetch the keys once, unless somebody has done so meanwhile, or it did not help a moment ago."""
        if satisfied():
            return
        async with self._fetching:
            if satisfied() or self._clock() < self._not_before:
                return
            await self._renew()
            if not satisfied():
                self._not_before = self._clock() + (LATER_SECONDS if self._keys else AGAIN_SECONDS)

    async def look(self) -> tuple[str | None, int]:
        """Why its keys cannot be had now, if they cannot; and how many it publishes. Nothing of them is kept."""
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                keys, _ = await self._published()
        except AWAY as fault:
            return _reason(fault), 0
        return None, len(keys)

    async def _renew(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                keys, seconds = await self._published()
        except AWAY as fault:
            log.warning("identity_provider_is_away", issuer=self.issuer, reason=_reason(fault))
            return
        if not keys:
            log.warning("identity_provider_has_no_keys", issuer=self.issuer)
        self._keys, self._stale_at = keys, self._clock() + seconds

    async def _published(self) -> tuple[tuple[Key, ...], int]:
        """The keys that are published now, and for how many seconds they are fresh."""
        metadata = _Discovery.model_validate_json((await self._fetch(self.issuer.rstrip("/") + WELL_KNOWN)).body)
        if metadata.issuer != self.issuer:
            raise FetchError("its metadata is of another issuer than the one that is set")
        answer = await self._fetch(metadata.jwks_uri)
        keys = tuple(filter(None, map(key_of, _KeySet.model_validate_json(answer.body).keys)))
        seconds = LONGEST_SECONDS if answer.max_age is None else answer.max_age
        return keys, max(SHORTEST_SECONDS, min(seconds, LONGEST_SECONDS))


def _reason(fault: Exception) -> str:
    """For the operator, on one line."""
    if isinstance(fault, TimeoutError):
        return f"it did not answer within {FETCH_SECONDS:g} seconds"
    if isinstance(fault, ValidationError):
        wrong = ", ".join(str(each["loc"][0]) for each in fault.errors() if each["loc"])
        return f"what it answered is not what the standard has: {wrong or 'no JSON object'}"
    return str(fault)
