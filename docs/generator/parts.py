"""Every generated part by the name that pages call it by, and the page with its parts in place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from docs.generator.borrowed import file, page
from docs.generator.commands import commands
from docs.generator.errors import errors
from docs.generator.metrics import metrics
from docs.generator.providers import provider, providers
from docs.generator.roles import roles
from docs.generator.schema import schema
from docs.generator.settings import settings

PARTS: Mapping[str, Callable[..., str]] = {
    each.__name__: each
    for each in (commands, errors, file, metrics, page, provider, providers, roles, schema, settings)
}

_MARK = re.compile(r"(?m)^<!-- generated: (\w+)((?: \S+)*) -->$")


def complete(text: str) -> str:
    """The page's text with each mark replaced by its part. Raises KeyError for a part that does not exist."""
    return _MARK.sub(lambda match: PARTS[match[1]](*match[2].split()), text)
