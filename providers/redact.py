"""Takes secrets out of what a provider says. Every word of a provider passes through here before anyone sees it."""

from __future__ import annotations

import re

MASK = "***"
MAX_CHARACTERS = 500
RUN = 8
"""So many characters of a secret in a row are too many; fewer, as in `sk-ab***yz`, only help to recognise it."""

_KEY_SHAPES = re.compile(r"\bBearer\s+[^\s\"',;]+|\b(?:sk-|hf_|jina_|pa-|nvapi-|up_)[\w-]{8,}", re.IGNORECASE)


def redact(text: str, secret: str = "") -> str:
    """One line of at most 500 characters, without runs of the secret and without what looks like a key."""
    safe = _KEY_SHAPES.sub(MASK, _without(secret, text) if secret else text)
    line = " ".join("".join(each if each.isprintable() else " " for each in safe).split())
    return line if len(line) <= MAX_CHARACTERS else line[: MAX_CHARACTERS - 1] + "…"


def _without(secret: str, text: str) -> str:
    """`text` with every stretch that runs of the secret cover masked: prefixes, suffixes and middles alike."""
    width = min(RUN, len(secret))
    runs = {secret[start : start + width] for start in range(len(secret) - width + 1)}
    shown: list[str] = []
    masked_to = 0
    for position, character in enumerate(text):
        if text[position : position + width] in runs:
            if position >= masked_to:
                shown.append(MASK)
            masked_to = position + width
        elif position >= masked_to:
            shown.append(character)
    return "".join(shown)
