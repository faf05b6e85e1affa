"""Which documents may be executed: any that a client sends, or those alone that the operator lists in a file.

The file is JSON, the identifier of each document before its text, as GraphQL Code Generator and the Relay compiler write it. What an
identifier may be: the GraphQL-over-HTTP draft, appendix "Persisted Documents".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256

import orjson

from app.errors import BadInput
from resolvers.operation.document import DocumentCache, RefusedDocument

PREFIX = "sha256:"
"""Of identifiers that are the SHA-256 of the document's text, in hexadecimal; it may be left out."""

UNTRUSTED = (
    "Only documents that the operator trusts are executed here, and this is none of them: "
    "send the documentId of one, or its text as it stands in the operator's file."
)

Choose = Callable[[str | None, str | None], str]
"""(text, identifier), as a client sends them -> the text of the document to execute. Raises BadInput where there is none."""

_SHA256 = re.compile("[0-9a-f]{64}")


class UnfitDocuments(Exception):
    """The file cannot be used; `problems` has a line for each reason."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def as_sent(text: str | None, _identifier: str | None) -> str:
    """The text that the client sends, whatever it is."""
    if text is None:
        raise BadInput("No documents are known here by a documentId: send the text of the document in query.")
    return text


class TrustedDocuments:
    """The operator's documents: the only ones that are executed, chosen by identifier or, where none is sent, by text."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.by_identifier = {_bare(identifier): text for identifier, text in texts.items()}
        self.texts = frozenset(texts.values())

    def __call__(self, text: str | None, identifier: str | None) -> str:
        found = self.by_identifier.get(_bare(identifier)) if identifier is not None else text
        if found is None or found not in self.texts:
            raise BadInput(UNTRUSTED)
        return found


def trusted(content: bytes, documents: DocumentCache) -> TrustedDocuments:
    """The documents of a file, all of them valid. Raises UnfitDocuments."""
    texts = _texts(content)
    if problems := [*_altered(texts), *_invalid(texts, documents)]:
        raise UnfitDocuments(*problems)
    return TrustedDocuments(texts)


def _texts(content: bytes) -> dict[str, str]:
    try:
        given = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise UnfitDocuments("is not JSON") from None
    if not isinstance(given, dict) or not all(isinstance(text, str) for text in given.values()):
        raise UnfitDocuments("must be one JSON object: the identifier of each document -> its text")
    return given


def _altered(texts: Mapping[str, str]) -> Iterator[str]:
    """Identifiers that are the SHA-256 of another text. Those of other algorithms are names that nothing follows from."""
    for identifier, text in texts.items():
        named = identifier.startswith(PREFIX) or _SHA256.fullmatch(identifier) is not None
        if named and _bare(identifier) != sha256(text.encode()).hexdigest():
            yield f"{identifier}: this is not the SHA-256 of its document"


def _invalid(texts: Mapping[str, str], documents: DocumentCache) -> Iterator[str]:
    for identifier, text in texts.items():
        document = documents.prepare(text)
        if isinstance(document, RefusedDocument):
            yield f"{identifier}: {' '.join(error.message for error in document.errors)}"


def _bare(identifier: str) -> str:
    return identifier.removeprefix(PREFIX)
