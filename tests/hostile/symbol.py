"""What stands in a request for something known only when it is sent: a real id, a cursor, a new name, JSON text that is none."""

from __future__ import annotations

import base64
import itertools
import json
import re
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from resolvers.node import split
from resolvers.refetch import REFETCH


@dataclass
class Known:
    """What the server has answered so far: what is sent next is made of it."""

    own: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Kind -> ids of what the world was made with."""
    foreign: list[str] = field(default_factory=list)
    """Ids of another organization."""
    seen: deque[str] = field(default_factory=lambda: deque(maxlen=300))
    cursors: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=40)))
    """By the field that answers the connection."""
    asked: str = ""
    """The field that is asked for now: its cursors are what is sent."""
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def note(self, answer: object, of: str = "") -> None:
        """Remember the ids and cursors of an answer; `of` is the field that answered it."""
        named = (
            answer.items()
            if isinstance(answer, dict)
            else [(of, each) for each in answer]
            if isinstance(answer, list)
            else ()
        )
        for name, each in named:
            if name in {"cursor", "endCursor"} and each:
                self.cursors[of].append(each)
            elif kind_of(each):
                self.seen.append(each)
            self.note(each, of if name in {"edges", "pageInfo"} else name)

    def asking(self, name: str) -> Known:
        """The same, for a request of this field."""
        return replace(self, asked=name)

    def cursor(self, number: int) -> str:
        """Mostly one of the field that is asked for."""
        others = [each for some in self.cursors.values() for each in some]
        return _picked((number % 8 and self.cursors[self.asked]) or others, number)


def kind_of(value: object) -> str | None:
    """The kind of thing that an id is of; None for what is no id."""
    kind = (split(value) or ("",))[0] if isinstance(value, str) and value.isascii() else ""
    return kind if kind in REFETCH else None


class Symbol(ABC):
    @abstractmethod
    def value(self, known: Known) -> Any:  # noqa: ANN401 - JSON
        """What it stands for."""


@dataclass(frozen=True)
class Raw(Symbol):
    """JSON text that is sent as it is; it need not be JSON."""

    text: str

    def value(self, known: Known) -> str:  # noqa: ARG002 - it needs none
        return self.text


@dataclass(frozen=True)
class New(Symbol):
    """A name that nothing has yet."""

    def value(self, known: Known) -> str:
        return f"new_{next(known.numbers)}"


@dataclass(frozen=True)
class Id(Symbol):
    """An id of what the world was made with, of one of these kinds."""

    kinds: tuple[str, ...]
    number: int

    def value(self, known: Known) -> str:
        return _picked([each for kind in self.kinds for each in known.own[kind]], self.number)


@dataclass(frozen=True)
class AnyId(Symbol):
    """An id of whatever the server has told of, or of something in another organization."""

    number: int
    foreign: bool = False

    def value(self, known: Known) -> str:
        return _picked(known.foreign if self.foreign else known.seen, self.number)


@dataclass(frozen=True)
class ForgedId(Symbol):
    """The kind of a real id with a part of its key, or the whole, put in place of."""

    number: int
    key: str

    def value(self, known: Known) -> str:
        kind, key = split(_picked(known.seen, self.number)) or ("Row", "")
        home, slash, _ = key.partition("/")
        forged = f"{kind}:{home}{slash}{self.key}" if slash else f"{kind}:{self.key}"
        return base64.urlsafe_b64encode(forged.encode("utf-8", "surrogatepass")).decode().rstrip("=")


@dataclass(frozen=True)
class RealCursor(Symbol):
    """A cursor of some connection."""

    number: int

    def value(self, known: Known) -> str:
        return known.cursor(self.number)


@dataclass(frozen=True)
class FlippedCursor(Symbol):
    """A cursor with one bit changed."""

    number: int
    bit: int

    def value(self, known: Known) -> str:
        raw = bytearray(_decoded(known.cursor(self.number)))
        if raw:
            raw[self.bit // 8 % len(raw)] ^= 1 << self.bit % 8
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@dataclass(frozen=True)
class EditedCursor(Symbol):
    """A cursor with one of its parts replaced."""

    number: int
    part: int
    by: Any

    def value(self, known: Known) -> str:
        parts = _parts(known.cursor(self.number))
        parts[self.part % len(parts)] = self.by
        return base64.urlsafe_b64encode(json_text(parts, known).encode()).decode().rstrip("=")


def _picked(among: list[str] | deque[str], number: int) -> str:
    return among[number % len(among)] if among else ""


def _parts(cursor: str) -> list[Any]:
    """What a cursor is made of; something, where none is known."""
    try:
        parts: list[Any] = json.loads(_decoded(cursor))
    except ValueError:
        return [None]
    return parts


def _decoded(cursor: str) -> bytes:
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


def json_text(value: object, known: Known) -> str:
    """JSON, with symbols replaced."""
    return _text(value, known, json.dumps)


def literal_text(value: object, known: Known) -> str:
    """The same as a GraphQL literal, as far as its names can be written; words in capitals are enum values."""
    return _text(value, known, lambda name: name if re.fullmatch(r"[_A-Za-z]\w*", name, re.ASCII) else json.dumps(name))


def _text(value: object, known: Known, name: Callable[[str], str]) -> str:
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, Symbol):
        return json.dumps(value.value(known))
    if isinstance(value, dict):
        return "{" + ",".join(f"{name(key)}:{_text(each, known, name)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_text(each, known, name) for each in value) + "]"
    is_word = name is not json.dumps and isinstance(value, str) and re.fullmatch("[A-Z_]{3,}", value, re.ASCII)
    return str(value) if is_word else json.dumps(value)
