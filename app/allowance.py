"""How many bytes of stored documents and rows one answer may carry, so that no question makes the process hold more than that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from app.errors import LimitExceeded


class Allowance:
    """What is left for one answer. Statements of its fields that run side by side see what was left before all of them."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.left = most

    def spend(self, count: int) -> None:
        """Take bytes. Raises LimitExceeded where fewer are left."""
        if count > self.left:
            raise LimitExceeded(
                f"MAX_ANSWER_BYTES allows {self.most} bytes of documents and rows in an answer, and this one would carry "
                f"{self.most - self.left + count}: ask for a smaller first, or for fewer fields.",
                limit=self.most,
                actual=self.most - self.left + count,
            )
        self.left -= count


_CURRENT: ContextVar[Allowance | None] = ContextVar("allowance", default=None)


@contextmanager
def one_answer(most: int) -> Iterator[None]:
    """What is read in the block is for one answer."""
    token = _CURRENT.set(Allowance(most))
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current() -> Allowance | None:
    """That of the answer being made; None where nothing is answered: a job reads by its own measure."""
    return _CURRENT.get()
