"""Names of operations as others may see them: clients choose them, so they are bounded in number, and what may be a secret is not shown."""

from __future__ import annotations

import re
from typing import Final

MOST_NAMES: Final = 100
"""Each name is some twenty series."""

LONGEST_NAME: Final = 64

OTHER: Final = "(other)"
"""Names beyond those that are kept; no operation can be called so."""

_SECRET = re.compile(r"(sk_|vg_|hf_|jina_|up_)\w{16,}|eyJ\w{16,}|(?=(?:[A-Za-z]*[0-9]+[A-Za-z]){3})[A-Za-z0-9]{32,}")
"""The beginnings of keys and tokens, and what looks random: the endpoint of the metrics asks for no token."""


def shown(name: str | None) -> str:
    """The name as others may see it; an operation without one has an empty one."""
    return OTHER if name and (len(name) > LONGEST_NAME or _SECRET.search(name)) else name or ""


class OperationNames:
    """The first names that come are labels as they are, as long as the process lives."""

    def __init__(self, most: int = MOST_NAMES) -> None:
        self._most = most
        self._kept: set[str] = set()

    def label(self, name: str | None) -> str:
        """The label of an operation."""
        label = shown(name)
        if label in self._kept or not label:
            return label
        if len(self._kept) >= self._most:
            return OTHER
        self._kept.add(label)
        return label
