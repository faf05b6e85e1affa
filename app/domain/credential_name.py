"""What may name a credential, and what may be its secret (rule 8): people paste the key where the name belongs."""

from __future__ import annotations

import re

from app.errors import BadInput
from providers.secret import SENDABLE

LONGEST_NAME = 50
SHORTEST_SECRET = 8
LONGEST_SECRET = 4096

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,48}[A-Za-z0-9])?")
_KEY_PREFIX = re.compile(r"(sk-|hf_|jina_|pa-|nvapi-|up_).{16,}", re.DOTALL)
_RANDOM_LOOKING = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9]{32,}")


def check_name(name: str, api_key: str) -> None:
    """Raises BadInput, which quotes no name: it may be the secret."""
    if name == api_key or _KEY_PREFIX.fullmatch(name) or _RANDOM_LOOKING.fullmatch(name):
        raise BadInput(
            "name looks like a secret: put the key in apiKey, and in name what you call it, such as production."
        )
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"name must have 1 to {LONGEST_NAME} letters, digits, '_' and '-', and begin and end with a letter or digit.",
            limit=LONGEST_NAME,
            actual=len(name),
        )


def is_name(name: str) -> bool:
    """Whether a credential could be called so; what could not may be a secret in the wrong place, and is not quoted."""
    return _NAME.fullmatch(name) is not None and not _KEY_PREFIX.fullmatch(name)


def check_secret(api_key: str) -> None:
    """Raises BadInput unless an HTTP header can carry it and its last four characters do not give it away."""
    length = len(api_key)
    if not SHORTEST_SECRET <= length <= LONGEST_SECRET:
        message = f"apiKey must have {SHORTEST_SECRET} to {LONGEST_SECRET} characters, and has {length}."
        raise BadInput(message, limit=SHORTEST_SECRET if length < SHORTEST_SECRET else LONGEST_SECRET, actual=length)
    if not SENDABLE.fullmatch(api_key) or api_key != api_key.strip():
        raise BadInput(
            "apiKey must have printable ASCII characters only, and no space around it: copy it again from the provider."
        )
