"""Vector search: embed the query through the attached provider, or take a vector, and look up the nearest (rules 32 and 33)."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from app.access import Actor
from app.domain import embedding, usage
from app.domain.search_cursor import Place, decode_place, encode_place, fingerprint
from app.domain.search_space import Among, Record, Searched
from app.domain.table_version import anew
from app.domain.vector import parse_vector
from app.errors import BadInput, InvalidVectorizeValue, LimitExceeded, VectorizeAndVector
from app.gateway import Gateway
from app.page import check_first
from app.store import neighbour
from app.store.identifier import Arguments
from app.store.neighbour import Kept
from app.store.record import Collection, Metric, Neighbour, Neighbours, Table, Vector, new_id
from app.store.space import Space
from app.value import check_text
from providers.usage import Usage

DEEPEST = 10_000
"""How far pages reach into a ranking."""

KEPT_SECONDS = 600
"""How long the query vector of a text search is kept for its next pages."""

LARGEST = sys.float_info.max


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for among what, and how much of the ranking is answered."""

    among: Among
    query: str | None
    vector: object | None
    first: int
    after: str | None
    filter: Mapping[str, object] | None
    min_similarity: float | None
    pages: bool
    """Whether a cursor was asked for, so that a next page may follow."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A document or row, how near it is, and the cursor behind it, which is empty where none was asked for."""

    record: Record
    similarity: float
    distance: float
    cursor: str


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a ranking."""

    target: Collection | Table
    hits: list[Hit]
    has_next: bool
    has_previous: bool
    query_vector: Vector
    model: str | None
    usage: Usage | None
    cached: bool
    exact: bool


@dataclass(frozen=True, slots=True)
class _Ranking:
    """A question that can be asked: all that it depends on is checked, and nothing is spent yet."""

    question: Question
    searched: Searched
    vector: Vector | None
    fingerprint: str
    """Empty where no cursor is read or made."""
    place: Place | None

    @property
    def metric(self) -> Metric:
        return self.searched.space.metric

    @property
    def region(self) -> str:
        return self.searched.resolved.target.region

    @property
    def depth(self) -> int:
        return self.place.depth if self.place else 0


@dataclass(frozen=True, slots=True)
class _Query:
    """The vector to compare with, where it comes from, and the id that it is or will be kept under."""

    vector: Vector
    model: str | None = None
    usage: Usage | None = None
    cached: bool = False
    kept_as: UUID | None = None


async def vector_search(gateway: Gateway, actor: Actor, question: Question) -> Found:
    """The nearest records, of a table whose columns go meanwhile as it is then."""
    return await anew(lambda: _search(gateway, actor, question))


async def _search(gateway: Gateway, actor: Actor, question: Question) -> Found:
    """Two statements: one resolves the target, one finds the neighbours; an embedding comes between them."""
    ranking = _ranking(await question.among.find(gateway, actor, question.filter), question)
    query = await _query(gateway, actor, ranking)
    found = await _nearest(gateway, ranking, query)
    near = [each for each in found.nearest if _is_near(ranking, each)]
    hits = [_hit(ranking, query, rank, each) for rank, each in enumerate(near[: question.first], 1)]
    return Found(
        target=ranking.searched.resolved.target,
        hits=hits,
        has_next=len(near) > question.first,
        has_previous=ranking.place is not None,
        query_vector=query.vector,
        model=query.model,
        usage=query.usage,
        cached=query.cached,
        exact=found.exact,
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


def finite(distance: float) -> float:
    """A distance that JSON can hold: pgvector adds up in 32 bits, so that huge vectors are infinitely far, or not comparable (NaN)."""
    return LARGEST if math.isnan(distance) else max(-LARGEST, min(LARGEST, distance))


def _ranking(searched: Searched, question: Question) -> _Ranking:
    """Raises the coded error of what is wrong with a question, before anything is spent on it."""
    space = searched.space
    check_first(question.first)
    _check_similarity(question.min_similarity, space.metric)
    space.condition(Arguments())
    asked = _asked(question, space)
    ranking = _fingerprint(searched, asked, question) if question.pages or question.after is not None else ""
    place = decode_place(question.after, ranking, space.is_key) if question.after is not None else None
    _check_depth((place.depth if place else 0) + question.first)
    if isinstance(asked, str):
        searched.check_embeds()
        return _Ranking(question, searched, None, ranking, place)
    return _Ranking(question, searched, asked, ranking, place)


def _fingerprint(searched: Searched, asked: str | Vector, question: Question) -> str:
    return fingerprint(
        _ranked_by(searched, asked), asked, searched.space.metric, question.filter, question.min_similarity
    )


def _ranked_by(searched: Searched, asked: str | Vector) -> list[UUID]:
    """What a ranking belongs to: what is searched and, with a text, what embeds it, which a column can have replaced."""
    embeds = searched.resolved.attachment if isinstance(asked, str) else None
    return [*searched.ids, embeds.id] if embeds else searched.ids


def _asked(question: Question, space: Space[Record]) -> str | Vector:
    """The text, or the vector: exactly one is given."""
    if question.query is None:
        if question.vector is None:
            raise BadInput("Give query, a text to search with, or vector.")
        return parse_vector(question.vector, space.dimension, space.metric)
    if question.vector is not None:
        raise VectorizeAndVector("Give query, or vector, not both.")
    check_text(question.query, "query")
    if not question.query.strip():
        raise InvalidVectorizeValue("query must not be blank: there is nothing to embed in it.")
    return question.query


def _check_similarity(least: float | None, metric: Metric) -> None:
    if least is not None and not math.isfinite(least):
        raise BadInput("minSimilarity must be a finite number.")
    if least is not None and metric is not Metric.DOT_PRODUCT and not 0 <= least <= 1:
        raise BadInput(f"minSimilarity must be 0 to 1, and is {least:g}.", limit=1, actual=least)


def _check_depth(depth: int) -> None:
    if depth > DEEPEST:
        message = f"Pages of a search reach {DEEPEST} hits deep, and this one would reach {depth}: narrow the search."
        raise LimitExceeded(message, limit=DEEPEST, actual=depth)


async def _query(gateway: Gateway, actor: Actor, ranking: _Ranking) -> _Query:
    """The query's vector: given, kept from the page before, or embedded now."""
    if ranking.vector is not None:
        return _Query(ranking.vector)
    query_id = ranking.place.query_id if ranking.place else None
    if query_id is not None and (kept := await _kept(gateway, actor, ranking, query_id)) is not None:
        return kept
    embedded = await embedding.embed_query(gateway, actor, ranking.searched.resolved, ranking.question.query or "")
    await usage.record_alone(gateway, ranking.region, embedded.spent)
    vector = embedded.only(ranking.metric)
    return _Query(vector, embedded.model, embedded.usage, embedded.cached, kept_as=query_id or new_id())


async def _kept(gateway: Gateway, actor: Actor, ranking: _Ranking, query_id: UUID) -> _Query | None:
    """The vector of the page before, wherever that was answered; None when its time is over."""
    async with gateway.postgres.region(ranking.region).connection() as connection:
        found = await neighbour.kept(connection, actor.organization_id, query_id)
    if found is None:
        return None
    vector = np.frombuffer(found[0], dtype="<f4")
    return _Query(vector, found[1], kept_as=query_id) if len(vector) == ranking.searched.space.dimension else None


async def _nearest(gateway: Gateway, ranking: _Ranking, query: _Query) -> Neighbours[Record]:
    """One record more than is asked for tells whether there is a next page."""
    question, place = ranking.question, ranking.place
    keep = None
    if query.kept_as is not None and question.pages:
        organization_id = ranking.searched.resolved.target.organization_id
        keep = Kept(query.kept_as, organization_id, query.model or "", KEPT_SECONDS)
    async with gateway.postgres.region(ranking.region).connection() as connection:
        return await neighbour.nearest(
            connection,
            ranking.searched.space,
            query.vector,
            after=(place.distance, place.key) if place else None,
            limit=question.first + 1,
            keep=keep,
        )


def _is_near(ranking: _Ranking, near: Neighbour[Record]) -> bool:
    least = ranking.question.min_similarity
    return least is None or similarity(ranking.metric, finite(near.distance)) >= least


def _hit(ranking: _Ranking, query: _Query, rank: int, near: Neighbour[Record]) -> Hit:
    distance = finite(near.distance)
    cursor = _cursor(ranking, query, rank, near) if ranking.question.pages else ""
    return Hit(near.record, similarity(ranking.metric, distance), distance, cursor)


def _cursor(ranking: _Ranking, query: _Query, rank: int, near: Neighbour[Record]) -> str:
    place = Place(near.distance, near.record.key, ranking.depth + rank, query.kept_as)
    return encode_place(place, ranking.fingerprint)
