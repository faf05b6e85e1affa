"""The error codes, as app/errors.py has them. Cause and cure are the page's own words, a section for each code."""

from __future__ import annotations

from app.errors import CATALOGUE
from docs.generator.markdown import code, table


def errors() -> str:
    """A row for each code, which links to its section: a strict build fails where there is none."""
    rows = [
        [f"[{code(name)}](#{name.lower()})", kind.family.value, "yes" if kind.retryable else "", kind.title()]
        for name, kind in CATALOGUE.items()
    ]
    return table(("code", "family", "retryable", "meaning"), rows)
