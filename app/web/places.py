"""How many connections that last may be open: in all, and of one owner."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import LimitExceeded


class Places:
    """Places of this process, `most` in all and `of_each` for one owner; `what` they are is told to whoever finds none free."""

    def __init__(self, what: str, most: int, of_each: int) -> None:
        self._what = what
        self._most = most
        self._of_each = of_each
        self._taken: dict[str, int] = defaultdict(int)
        self._all = 0

    @contextmanager
    def taken(self, owner: str) -> Iterator[None]:
        """Have a place as long as the block lasts. Raises LimitExceeded, which is retryable."""
        self.check(owner)
        self._taken[owner] += 1
        self._all += 1
        try:
            yield
        finally:
            self._all -= 1
            self._taken[owner] -= 1
            if not self._taken[owner]:
                del self._taken[owner]

    def check(self, owner: str) -> None:
        """Raises LimitExceeded where `taken` would."""
        _within("in this process", self._what, self._all, self._most)
        _within("of this caller", self._what, self._taken.get(owner, 0), self._of_each)


def _within(whose: str, what: str, taken: int, most: int) -> None:
    if taken >= most:
        message = f"{most} {what} {whose} are open, and no more can be: close one, or try again later."
        raise LimitExceeded(message, retryable=True, limit=most, actual=taken + 1)
