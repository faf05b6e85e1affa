"""A provider's secret on its way into one request, and where the sender asks for it. Nothing here stores one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Protocol

SENDABLE = re.compile(r"[\x20-\x7e]+")
"""What an HTTP header can carry; anything else would break the request, or smuggle in a second header."""


@dataclass(frozen=True, slots=True)
class Secret:
    """An opened secret and the version of the credential that it belongs to. Shows nothing of its value."""

    value: str = field(repr=False)
    version: int = 1

    def __post_init__(self) -> None:
        if not SENDABLE.fullmatch(self.value):
            raise ValueError("a secret has printable ASCII characters only, because an HTTP header carries it")


class SecretSource(Protocol):
    """Answers the secret as it is now. What it raises ends the call and reaches the caller unchanged."""

    async def __call__(self) -> Secret: ...


def always(secret: Secret) -> SecretSource:
    """A source for a secret that does not change: the operator's own, or one on trial."""

    async def source() -> Secret:
        return secret

    return source
