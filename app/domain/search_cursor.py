"""Cursors of a ranking: where a page ended, and a hash of all that the ranking depends on, since a cursor belongs to one."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from app.errors import BadInput
from app.page import bad_cursor, decode_cursor, encode_cursor
from app.store.record import Metric, Vector


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a ranking a page begins: behind this distance and key, after so many hits, with this kept query vector."""

    distance: float
    key: str
    depth: int
    query_id: UUID | None


def fingerprint(
    belongs_to: Sequence[UUID],
    asked: str | Vector,
    metric: Metric,
    given: Mapping[str, object] | None,
    min_similarity: float | None,
) -> str:
    """The hash of a ranking: of the same things, by the same question, filter and threshold. The filter has been checked."""
    question = asked if isinstance(asked, str) else asked.tobytes().hex()
    parts = [
        [str(each) for each in belongs_to],
        isinstance(asked, str),
        question,
        metric.value,
        given or {},
        min_similarity,
    ]
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def encode_place(place: Place, ranking: str) -> str:
    """The cursor of a place in the ranking with this fingerprint. JSON has no infinity: distances beyond numbers travel as words."""
    distance = place.distance if math.isfinite(place.distance) else str(place.distance)
    return encode_cursor(distance, place.key, place.depth, place.query_id.hex if place.query_id else None, ranking)


def decode_place(cursor: str, ranking: str, is_key: Callable[[str], bool]) -> Place:
    """Raises BadInput for what is no cursor, or one of another ranking. `is_key`: whether a text is a stored key there."""
    distance, key, depth, query_id, belongs_to = decode_cursor(cursor, 5)
    if belongs_to != ranking:
        raise BadInput(
            "after belongs to a search with other arguments, or its column embeds otherwise by now: "
            "send those of the page that it came from, or begin anew."
        )
    if not isinstance(key, str) or not is_key(key) or not isinstance(depth, int) or depth < 1:
        raise bad_cursor()
    try:
        return Place(float(str(distance)), key, depth, UUID(str(query_id)) if query_id is not None else None)
    except ValueError:
        raise bad_cursor() from None
