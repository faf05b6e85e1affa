"""Vector search: embed the query through the attached provider, or take a vector, and look up the nearest (rules 32 and 33)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import orjson

from app.access import Actor, Permission
from app.domain import embedding
from app.domain.vector import check_vector, parse_vector
from app.errors import (
    BadInput,
    GatewayError,
    InvalidVectorizeValue,
    LimitExceeded,
    VectorizeAndVector,
    VectorsNotEnabled,
)
from app.gateway import Gateway
from app.page import bad_cursor, check_first, decode_cursor, encode_cursor
from app.store import neighbour
from app.store.document import Wanted
from app.store.neighbour import Kept
from app.store.record import Collection, Document, Metric, Resolved, Vector, new_id
from app.value import check_text
from providers.base import InputType
from providers.usage import Usage

DEEPEST = 10_000
"""How far pages reach into a ranking."""

KEPT_SECONDS = 600
"""How long the query vector of a text search is kept for its next pages."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for in which target, and how much of the answer is read."""

    target_id: UUID
    query: str | None
    vector: object | None
    first: int
    after: str | None
    filter: Mapping[str, object] | None
    min_similarity: float | None
    wanted: Wanted
    pages: bool
    """Whether a cursor was asked for, so that a next page may follow."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A document, how near it is, and the cursor behind it."""

    document: Document
    similarity: float
    distance: float
    cursor: str


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a ranking."""

    collection: Collection
    hits: list[Hit]
    has_next: bool
    has_previous: bool
    query_vector: Vector
    model: str | None
    usage: Usage | None
    exact: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a ranking a page begins: behind this distance and key, after so many hits, with this kept query vector."""

    distance: float
    key: str
    depth: int
    query_id: UUID | None


@dataclass(frozen=True, slots=True)
class _Query:
    """The vector to compare with, where it comes from, and the id that it is or will be kept under."""

    vector: Vector
    model: str | None = None
    usage: Usage | None = None
    kept_as: UUID | None = None


async def vector_search(gateway: Gateway, actor: Actor, question: Question) -> Found:
    """The nearest documents. Two statements: one resolves the target, one finds its neighbours; an embedding comes between them."""
    resolved = await embedding.resolve(gateway, actor, question.target_id)
    actor.require(Permission.READ_DATA)
    _check(question)
    home, metric = resolved.collection, _metric(resolved)
    place = _decode(question, metric)
    depth = place.depth if place else 0
    if depth + question.first > DEEPEST:
        message = f"Pages of a search reach {DEEPEST} hits deep, and this one would reach {depth + question.first}: narrow the search."
        raise LimitExceeded(message, limit=DEEPEST, actual=depth + question.first)
    query = await _query(gateway, actor, resolved, question, place)
    keep = Kept(query.kept_as, query.model or "", KEPT_SECONDS) if query.kept_as and question.pages else None
    async with gateway.postgres.region(home.region).connection() as connection:
        found = await neighbour.nearest(
            connection,
            home,
            query.vector,
            wanted=question.wanted,
            given=question.filter,
            after=(place.distance, place.key) if place else None,
            limit=question.first + 1,
            keep=keep,
        )
    near = [(each, similarity(metric, each.distance)) for each in found.nearest]
    near = [pair for pair in near if question.min_similarity is None or pair[1] >= question.min_similarity]
    fingerprint = _fingerprint(question, metric)
    kept_as = query.kept_as.hex if query.kept_as else None
    hits = [
        Hit(
            each.document,
            nearness,
            each.distance,
            encode_cursor(each.distance, each.document.key, depth + rank, kept_as, fingerprint),
        )
        for rank, (each, nearness) in enumerate(near[: question.first], 1)
    ]
    return Found(
        home, hits, len(near) > question.first, place is not None, query.vector, query.model, query.usage, found.exact
    )


def similarity(metric: Metric, distance: float) -> float:
    """0 to 1, higher is nearer: (1 + cos) / 2, (1 + dot) / 2 (beyond 0..1 unless vectors have unit length), 1 / (1 + d²)."""
    match metric:
        case Metric.COSINE:
            return min(1.0, max(0.0, 1 - distance / 2))
        case Metric.DOT_PRODUCT:
            return (1 - distance) / 2
        case Metric.EUCLIDEAN:
            return 1 / (1 + distance * distance)


def _check(question: Question) -> None:
    check_first(question.first)
    if question.query is not None and question.vector is not None:
        raise VectorizeAndVector("Give query, or vector, not both.")
    if question.query is None and question.vector is None:
        raise BadInput("Give query, a text to search with, or vector.")
    if question.query is not None:
        check_text(question.query, "query")
        if not question.query.strip():
            raise InvalidVectorizeValue("query must not be blank: there is nothing to embed in it.")


def _metric(resolved: Resolved) -> Metric:
    home = resolved.collection
    if home.dimension is None or home.metric is None:
        raise VectorsNotEnabled(f"{home.name} holds no vectors: search a collection that has a dimension.")
    return home.metric


def _check_similarity(question: Question, metric: Metric) -> None:
    least = question.min_similarity
    if least is not None and metric is not Metric.DOT_PRODUCT and not 0 <= least <= 1:
        raise BadInput(f"minSimilarity must be 0 to 1, and is {least:g}.", limit=1, actual=least)


async def _query(
    gateway: Gateway, actor: Actor, resolved: Resolved, question: Question, place: _Place | None
) -> _Query:
    """The query's vector: given, kept from the page before, or embedded now."""
    home, metric = resolved.collection, _metric(resolved)
    _check_similarity(question, metric)
    if question.query is None:
        return _Query(parse_vector(question.vector, home.dimension or 0, metric))
    if place is not None and place.query_id is not None:
        async with gateway.postgres.region(home.region).connection() as connection:
            found = await neighbour.kept(connection, actor.organization_id, place.query_id)
        if found is not None:
            return _Query(np.frombuffer(found[0], dtype="<f4"), found[1], kept_as=place.query_id)
    embedded = await embedding.embed(gateway, actor, resolved, [question.query], InputType.QUERY)
    [outcome] = embedded.outcomes
    if isinstance(outcome, GatewayError):
        raise outcome
    check_vector(outcome, metric)
    return _Query(
        outcome, embedded.model, embedded.usage, kept_as=place.query_id if place and place.query_id else new_id()
    )


def _fingerprint(question: Question, metric: Metric) -> str:
    """A hash of all that a ranking depends on: a cursor belongs to one."""
    parts: list[Any] = [
        question.target_id,
        question.query,
        question.vector,
        metric,
        question.filter,
        question.min_similarity,
    ]
    content = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY, default=str)
    return hashlib.sha256(content).hexdigest()[:16]


def _decode(question: Question, metric: Metric) -> _Place | None:
    if question.after is None:
        return None
    distance, key, depth, query_id, fingerprint = decode_cursor(question.after, 5)
    if fingerprint != _fingerprint(question, metric):
        raise BadInput("after belongs to a search with other arguments: send those of the page that it came from.")
    if not isinstance(distance, float | int) or not isinstance(key, str) or not isinstance(depth, int):
        raise bad_cursor()
    try:
        return _Place(float(distance), key, depth, UUID(str(query_id)) if query_id else None)
    except ValueError:
        raise bad_cursor() from None
