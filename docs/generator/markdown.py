"""The little Markdown that generated parts are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a cell may hold Markdown of one line."""
    lines = [head, ["---"] * len(head), *rows]
    escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)


def code(text: object) -> str:
    return f"`{text}`"


def fence(language: str, text: str, title: str = "") -> str:
    """A block of code, with a title over it where one is given."""
    info = f'{language} title="{title}"' if title else language
    return f"```{info}\n{text.rstrip()}\n```\n"


def section(level: int, title: str, *parts: str) -> str:
    """A heading and what stands under it, leaving out what is empty."""
    return "\n\n".join(part.strip() for part in (f"{'#' * level} {title}", *parts) if part.strip()) + "\n"


def captioned(text: str) -> str:
    """The page with blocks of code as MyST has them, where they have a title: on a forge the title is just not shown."""
    return re.sub(r'(?m)^( *)```(\w+) title="([^"]+)"$', r"\1```{code-block} \2\n\1:caption: \3", text)
