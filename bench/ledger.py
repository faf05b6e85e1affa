"""What clients were told, as a book of what must be true: each record's possible states, and every finding against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Text: TypeAlias = str | None
"""A record's text; None: there is no such record."""


@dataclass
class Ledger:
    """Of records that have one writer each, whose calls come one after another.

    An answer leaves one possible state; a call without one adds the state that it would have made to those possible before.
    """

    states: dict[Hashable, set[Text]] = field(default_factory=dict)
    once: dict[str, Hashable | None] = field(default_factory=dict)
    """Text -> the key that was answered, of records whose insert was repeated until it was answered; None: not yet."""
    acknowledged: Counter[str] = field(default_factory=Counter)
    """By mutation."""
    unanswered: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def done(self, key: Hashable, text: Text) -> None:
        """It was answered that the record is in this state."""
        self.states[key] = {text}

    def doubtful(self, key: Hashable, text: Text) -> None:
        """The record may be in this state, or as it was."""
        self.states.setdefault(key, {None}).add(text)

    def seen(self, key: Hashable, *, there: bool) -> bool:
        """A call has found that the record is there, or not; answers whether that can be."""
        left = {text for text in self.states[key] if (text is not None) == there}
        if not left:
            self.violation(f"{key} is {'there' if there else 'gone'}, and can only be in {self.states[key]}")
            return False
        self.states[key] = left
        return True

    def violation(self, what: str) -> None:
        self.violations.append(what)

    def compare(self, what: str, found: Mapping[Hashable, str]) -> int:
        """Hold what is stored against the book; answers how many records were compared."""
        for key, possible in self.states.items():
            if found.get(key) not in possible:
                self.violation(f"{what} {key}: {found.get(key)!r} is stored, possible is {possible}")
        texts = Counter(found.values())
        for text, key in self.once.items():
            if texts[text] != 1 or (key is not None and found.get(key) != text):
                self.violation(f"{what} {key}: {texts[text]} records have the text {text!r}, which was inserted once")
        for key, text in found.items():
            if key not in self.states and text not in self.once:
                self.violation(f"{what} {key}: {text!r} is stored, and nobody wrote it")
        return len(self.states) + len(self.once)

    @property
    def committed(self) -> int:
        """Records that must be there."""
        return sum(None not in possible for possible in self.states.values()) + len(self.once)
