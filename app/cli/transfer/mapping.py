"""How the fields of a file become those of a document: which of them is the key, the text to embed, the vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.cli.transfer.door import ID, TEXT, VECTOR
from app.errors import BadInput


@dataclass(frozen=True, slots=True)
class Fields:
    """Names of the file's fields; those that are not named stay as they are, under their names."""

    key: str | None = None
    texts: tuple[str, ...] = ()
    """One is moved into $vectorize; several are joined there, with line breaks, and stay fields as well."""
    vector: str | None = None
    ignored: frozenset[str] = frozenset()
    lenient: bool = False
    """Whether a record may be without them: cells can be empty, while the header was looked at once for all."""

    @property
    def named(self) -> list[str]:
        """Those that the file must have."""
        return [each for each in (self.key, *self.texts, self.vector) if each is not None]

    def told(self) -> dict[str, Any]:
        """As JSON, for the checkpoint."""
        return {**asdict(self), "texts": list(self.texts), "ignored": sorted(self.ignored)}

    def absent(self, records: Sequence[Mapping[str, Any]]) -> list[str]:
        """The texts that none of these records has. Of several, a record may be without some; one that is misspelt is in none."""
        if self.lenient or len(self.texts) < 2:
            return []
        return [name for name in self.texts if not any(name in each for each in records)]

    def item(self, record: Mapping[str, Any], key: object = None) -> dict[str, Any]:
        """The document of a record; `key`: of one that has none. Raises BadInput where a named field is missing."""
        item = {name: value for name, value in record.items() if name not in self.ignored}
        if self.texts:
            item[TEXT] = self._text(item)
        for name, own in ((self.key, ID), (self.vector, VECTOR)):
            if name is not None:
                item[own] = self._taken(item, name)
        if key is not None and item.get(ID) is None:
            item[ID] = key
        return item

    def _text(self, item: dict[str, Any]) -> object:
        if len(self.texts) == 1:
            return self._taken(item, self.texts[0])
        found = [item[name] for name in self.texts if item.get(name) is not None]
        if not self.lenient and not any(name in item for name in self.texts):
            raise BadInput(f"The record has none of the fields {', '.join(self.texts)}.")
        if not all(isinstance(each, str) for each in found):
            raise BadInput(f"Of the fields {', '.join(self.texts)} one is no text.")
        return "\n".join(found)

    def _taken(self, item: dict[str, Any], name: str) -> object:
        if name not in item and not self.lenient:
            raise BadInput(f"The record has no field {name!r}.")
        return item.pop(name, None)
