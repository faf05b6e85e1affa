"""Real text for benchmarks: a file of one text a line; by default docstrings of every installed package and Debian's descriptions.

`python -m bench.corpus > FILE` writes the default one. Random vectors would mislead: real questions lie near real texts.
"""

from __future__ import annotations

import ast
import random
import re
import subprocess
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import platformdirs
import typer

SHORTEST = 20
"""Characters of a sentence: what is shorter says little."""

LONGEST = 1000
"""Characters of a text, as long as a paragraph."""

WINDOWS = 12
"""Sentences of the longest windows that are made of a text."""

SENTENCE_END = re.compile(r"(?<=[.!?:])\s+(?=\S)")
DEBIAN = ("apt-cache", "dumpavail")
DPKG = Path("/var/lib/dpkg/status")


def cache() -> Path:
    """Where benchmarks keep what is made or fetched once."""
    return platformdirs.user_cache_path("vectorgate-bench", appauthor=False, ensure_exists=True)


def default() -> Path:
    """The default corpus: made at its first use, in a minute."""
    path = cache() / "corpus.txt"
    if not path.exists():
        unfinished = path.with_suffix(".part")
        unfinished.write_text("".join(f"{text}\n" for text in _everything()))
        unfinished.rename(path)
    return path


def texts(path: Path, count: int) -> list[str]:
    """So many distinct texts in random order, always the same: sentences first, then windows of two, of three, and so on.

    Raises ValueError, stating how many there are, where the file is too small.
    """
    lines = [
        line for line in path.read_text().splitlines() if line and "\0" not in line
    ]  # which no text of PostgreSQL holds
    found: dict[str, None] = {}
    for size in range(1, WINDOWS + 1):
        found.update(dict.fromkeys(_windows(lines, size)))
        if len(found) >= count:
            chosen = list(found)
            random.Random(1).shuffle(chosen)  # noqa: S311 - no secret comes of it
            return chosen[:count]
    raise ValueError(f"{path} gives {len(found):,} distinct texts, and {count:,} are needed")


def _windows(lines: Iterable[str], size: int) -> Iterator[str]:
    """So many consecutive sentences of each line."""
    for line in lines:
        sentences = [each for each in SENTENCE_END.split(line) if len(each) >= SHORTEST]
        for first in range(len(sentences) - size + 1):
            text = " ".join(sentences[first : first + size])
            if len(text) <= LONGEST:
                yield text


def _everything() -> Iterator[str]:
    """Each distinct docstring and description, on one line."""
    paths = sysconfig.get_paths()
    roots = dict.fromkeys(Path(paths[name]) for name in ("stdlib", "purelib", "platlib"))
    sources = (path for root in roots for path in sorted(root.rglob("*.py")))
    docstrings = (text for path in sources for text in _docstrings(path))
    yield from dict.fromkeys(" ".join(text.split()) for text in (*docstrings, *_descriptions()))


def _docstrings(path: Path) -> Iterator[str]:
    """Those of a module, its classes and its functions; none of a file that this Python cannot read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # escapes in other people's strings
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text and "\0" not in text:  # which PostgreSQL cannot store
                yield text


def _descriptions() -> Iterator[str]:
    """Of every package that Debian has, and at length of those that are installed; none on another system."""
    for records in (_available(), DPKG.read_text() if DPKG.exists() else ""):
        for found in re.finditer(r"^Description(?:-en)?: (.*(?:\n .*)*)", records, re.MULTILINE):
            yield found[1].replace("\n .", "\n")


def _available() -> str:
    try:
        return subprocess.run(DEBIAN, capture_output=True, text=True, check=False).stdout  # noqa: S603 - a constant
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    typer.echo(default().read_text(), nl=False)
