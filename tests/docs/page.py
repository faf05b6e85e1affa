"""Reads a page of the documentation as what a reader would do with it: the blocks of GraphQL, their variables and their answers.

A ```graphql block may be followed by ```json blocks titled "variables", and "answer" or "refusal". What stands in angle brackets is
a value that an earlier answer gave that name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"

_BLOCK = re.compile(r'^ *```(\w+)(?: title="([^"]+)")?\n(.*?)^ *```$', re.MULTILINE | re.DOTALL)
_GIVEN = re.compile(r"^---\ngiven: \[([^\]]*)\]\n---\n")


@dataclass(frozen=True)
class Block:
    """A fenced block of code."""

    language: str
    title: str
    text: str


@dataclass
class Step:
    """One request and what the page says of its outcome."""

    document: str
    variables: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] | None = None
    refusal: dict[str, Any] | None = None

    @property
    def operation(self) -> str:
        return self.document.split()[0]


@dataclass(frozen=True)
class Page:
    """A page: what it takes for granted, and its blocks."""

    path: Path
    given: list[str]
    blocks: list[Block]

    @classmethod
    def read(cls, path: Path) -> Page:
        text = path.read_text()
        found = _GIVEN.match(text)
        given = [each.strip() for each in found[1].split(",")] if found else []
        return cls(path, given, [Block(name, title, dedent(code)) for name, title, code in _BLOCK.findall(text)])

    @property
    def steps(self) -> Iterator[Step]:
        """The requests in their order. Raises AssertionError for one without an outcome: the reader would not know what to expect."""
        step: Step | None = None
        for block in self.blocks:
            if block.language == "graphql":
                step = Step(block.text)
            elif block.title in ("variables", "answer", "refusal"):
                assert step is not None, f"{self.path.name}: {block.title} without a request"
                setattr(step, block.title, json.loads(block.text))
                if block.title != "variables":
                    yield step

    @property
    def commands(self) -> list[str]:
        """The lines of ```console blocks that a reader types, continued ones joined."""
        text = "\n".join(block.text for block in self.blocks if block.language == "console").replace("\\\n", " ")
        return [" ".join(line[2:].split()) for line in text.splitlines() if line.startswith("$ ")]


def named(block_title: str, page: Page) -> str:
    """The text of the page's block of that title."""
    return next(block.text for block in page.blocks if block.title == block_title)
