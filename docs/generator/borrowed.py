"""What the site shows of files that stand elsewhere in the repository: pages whole, examples of configuration as blocks of code."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

from docs.generator.markdown import fence

ROOT = Path(__file__).parents[2]
LANGUAGES = {
    "": "dockerfile",
    ".graphql": "graphql",
    ".js": "javascript",
    ".json": "json",
    ".py": "python",
    ".service": "ini",
    ".sh": "bash",
    ".toml": "toml",
    ".ts": "typescript",
    ".yaml": "yaml",
    ".yml": "yaml",
}
"""The end of a file's name -> what its text is."""
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "explanation/security.md",
    "bench/RESULTS.md": "explanation/results.md",
}
"""A file of the repository -> the page that shows it."""

_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def file(path: str) -> str:
    """A file as a block of code, its name over it."""
    found = ROOT / path
    return fence(LANGUAGES[found.suffix], found.read_text(), found.name)


def page(path: str) -> str:
    """A Markdown file without its title: the page that shows it has one."""
    text = (ROOT / path).read_text()
    return _leading_from(text.partition("\n")[2], path, PAGES[path])


def _leading_from(text: str, path: str, shown_at: str) -> str:
    """The text with its relative links as they are right on another page; they may lead into docs/ and to borrowed pages."""

    def moved(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), match[1]))
        inside = PAGES.get(target) or target.removeprefix("docs/")
        return f"]({posixpath.relpath(inside, posixpath.dirname(shown_at))}{match[2] or ''})"

    return _LINK.sub(moved, text)


def linked(text: str, page_path: str, pages: Mapping[str, str] = PAGES) -> str:
    """A page of docs/ whose links to files outside are those to the pages that show them; others are left as they are."""
    folder = posixpath.dirname(page_path)

    def inside(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", folder, match[1]))
        if target not in pages:
            return match[0]
        return f"]({posixpath.relpath(pages[target], folder or '.')}{match[2] or ''})"

    return _LINK.sub(inside, text)
