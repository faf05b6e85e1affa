"""One document on its way in: its key, its fields, and the text to embed or the vector to store (rule 22)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from app.domain.embedding import not_configured
from app.domain.insertion import WHOLE, Slot
from app.domain.size import check_size, stored_bytes
from app.domain.vector import parse_vector
from app.errors import BadInput, InvalidVectorizeValue, VectorizeAndVector, VectorsNotEnabled
from app.store.document import NewDocument
from app.store.key import encode_key
from app.store.record import Collection, Metric, Resolved, Vector, new_id
from app.value import check_json, check_text

RESERVED = ("$vectorize", "$vector")


@dataclass(frozen=True, slots=True)
class Draft:
    """A document that can be stored once `text_to_embed`, if any, has a vector."""

    position: int
    key: str
    key_was_given: bool
    body: dict[str, Any]
    text: str | None
    vector: Vector | None

    @property
    def text_to_embed(self) -> str | None:
        """None where there is nothing to embed: no text, or a blank one."""
        return self.text if self.text is not None and self.text.strip() else None

    @property
    def texts(self) -> Mapping[Slot, str]:
        """The text to embed, unless its vector is there already."""
        text = self.text_to_embed
        return {WHOLE: text} if text is not None and self.vector is None else {}

    def with_vectors(self, vectors: Mapping[Slot, Vector]) -> Self:
        """The document with its text's vector."""
        return replace(self, vector=vectors[WHOLE])

    def ready(self, vector: Vector | None) -> NewDocument:
        """The document with the vector of its text, or its own."""
        return NewDocument(self.key, self.body, self.text, vector)


def given_key(given: object) -> str | None:
    """The stored form of a document's `_id`; None where it has none. Raises BadInput for what can be no key."""
    if not isinstance(given, Mapping):
        raise BadInput("A document must be a JSON object.")
    return None if given.get("_id") is None else encode_key(given["_id"])


def draft(resolved: Resolved[Collection], given: Mapping[str, object], position: int, key: str | None) -> Draft:
    """The document under its key, or a new one. Raises the coded error of what is wrong with it."""
    body = {name: value for name, value in given.items() if name not in ("_id", *RESERVED)}
    size = check_fields(body)
    text, vector = text_and_vector(resolved, given)
    if text:
        check_size(size + len(text.encode()), "document")
    return Draft(position, key or encode_key(str(new_id())), key is not None, body, text, vector)


def text_and_vector(resolved: Resolved[Collection], given: Mapping[str, object]) -> tuple[str | None, Vector | None]:
    """What `$vectorize` and `$vector` ask for. Raises what rule 22 says of each wrong use."""
    present = [name for name in RESERVED if name in given]
    if len(present) == 2:
        raise VectorizeAndVector("Give $vectorize, or $vector, not both: a vector comes from the text or from you.")
    if not present:
        return None, None
    home, value = resolved.target, given[present[0]]
    dimension = vectors_enabled(home, present[0])
    if present[0] == "$vector":
        return None, None if value is None else parse_vector(value, dimension, home.metric or Metric.COSINE)
    return checked_text(resolved, value), None


def vectors_enabled(home: Collection, name: str) -> int:
    """The dimension of a collection. Raises VectorsNotEnabled where `$vectorize` or `$vector` means nothing."""
    if home.dimension is None:
        raise VectorsNotEnabled(
            f"{home.name} holds no vectors: leave {name} out, or use a collection with a dimension."
        )
    return home.dimension


def checked_text(resolved: Resolved[Collection], value: object) -> str | None:
    """A text that can be embedded here, or null. Raises EmbeddingNotConfigured for text without an integration."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidVectorizeValue("$vectorize must be a string, or null for no text.")
    check_text(value, "$vectorize")
    if resolved.attachment is None and value.strip():
        raise not_configured(resolved)
    return value


def check_fields(body: Mapping[str, object]) -> int:
    """The size of the fields. Raises BadInput for those that could not be stored, filtered by or read back; LimitExceeded beyond 4 MB."""
    check_json(body, "The document")
    _check_names(body)
    size = stored_bytes(body)
    check_size(size, "document")
    return size


def _check_names(value: object) -> None:
    """Field names at every level: filters and updates reach them by dotted paths. The depth is bounded already."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not name or name[0] == "$" or "." in name:
                raise BadInput("A field's name must not be empty, begin with '$' or contain '.'.")
            if isinstance(inner, dict | list):
                _check_names(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_names(inner)
