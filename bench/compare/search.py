"""The cases over 50,000 vectors: `search`, where a text is asked for and embedded, and `vector`, where its vector is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import asyncpg
import orjson

from app.codec import register_codecs
from bench import chroma, collection
from bench.chroma import Chroma
from bench.collection import Collection, near_enough
from bench.compare.contest import Case, Contender
from bench.compare.servers import Cluster, Server
from bench.texts import ALIKE, Texts, encoded

LADDER = (10, 20, 30, 40, 60, 80, 100, 120, 140, 160, 200, 300, 400)
"""Candidates of an index scan: the least number with the gateway's recall is a contender's own."""

TOLERANCE = 0.002
"""By which recalls count as equal."""

TRIED = 20
MERCURIUS = "query S($vector: [Float!]!) { search(vector: $vector) { similarity key fields } }"
NEAREST = "select 1 - (vector <=> $1) / 2 from {} order by vector <=> $1 limit 10"
Hits = list[tuple[int, float, Any]]


def cases(
    servers: Mapping[str, Server], place: Collection, texts: Texts, peer: Chroma | None, peer_id: str, vectors: int
) -> list[Case]:
    """`vectors`: how many of the questions are asked by vector, one request after another."""
    asked = range(TRIED)
    agree = _agree(texts)
    title = f"10 hits of 3 fields out of {len(texts.stored):,}, {texts.vectors.shape[1]} dimensions"
    given = range(min(vectors, len(texts.questions)))
    return [
        Case("search", f"{title}; the local model embeds the question", _by_text(servers, place, texts), agree, asked),
        Case(
            "vector",
            f"{title}; the vector is given",
            _by_vector(servers, place, texts, given, peer, peer_id),
            agree,
            asked,
        ),
    ]


async def least_wide(cluster: Cluster, place: Collection, texts: Texts, questions: Sequence[int], recall: float) -> int:
    """The least hnsw.ef_search with which a plain statement has this recall."""
    connection = await asyncpg.connect(cluster.url)
    try:
        await register_codecs(connection)
        for width in LADDER:
            await connection.execute(f"set hnsw.ef_search = {width}; set hnsw.iterative_scan = strict_order")
            found = 0
            for number in questions:
                rows = await connection.fetch(NEAREST.format(place.table), texts.question_vectors[number])
                found += near_enough([row[0] for row in rows], texts.least(number, 10))
            if found >= (recall - TOLERANCE) * 10 * len(questions):
                break
    finally:
        await connection.close()
    return width


async def chroma_least_wide(
    peer: Chroma, identifier: str, texts: Texts, questions: Sequence[int], recall: float
) -> tuple[int, float]:
    """The least ef_search with which Chroma has this recall, or the widest; and the recall that it has."""
    for width in LADDER:
        await peer.look_wide(identifier, width)
        found = 0
        for number in questions:
            hits = chroma.hits(await peer.query(identifier, texts.question_vectors[number]))
            found += near_enough([similarity for _, similarity, _ in hits], texts.least(number, 10))
        reached = found / (10 * len(questions))
        if reached >= recall - TOLERANCE:
            break
    return width, reached


def _by_text(servers: Mapping[str, Server], place: Collection, texts: Texts) -> list[Contender]:
    gateway, limit = servers["gateway"], servers["limit"]
    bodies = [{"query": collection.BY_TEXT, "variables": {"id": place.id, "text": each}} for each in texts.questions]
    plain = [{"query": each} for each in texts.questions]
    return [
        Contender("gateway", gateway.url, gateway.pid, bodies, collection.hits),
        Contender("limit", f"{limit.url}/search", limit.pid, plain, _limit_hits),
    ]


def _by_vector(
    servers: Mapping[str, Server],
    place: Collection,
    texts: Texts,
    numbers: Sequence[int],
    peer: Chroma | None,
    peer_id: str,
) -> list[Contender]:
    gateway, limit = servers["gateway"], servers["limit"]
    given = [encoded(texts.question_vectors[number]) for number in numbers]
    bodies = [{"query": collection.BY_VECTOR, "variables": {"id": place.id, "vector": each}} for each in given]
    found = [
        Contender("gateway", gateway.url, gateway.pid, bodies, collection.hits),
        Contender("limit", f"{limit.url}/vector", limit.pid, [{"vector": each} for each in given], _limit_hits),
    ]
    if (node := servers.get("mercurius")) is not None:
        lists = [
            {"query": MERCURIUS, "variables": {"vector": texts.question_vectors[each].tolist()}} for each in numbers
        ]
        found.append(Contender("mercurius", node.url, node.pid, lists, _mercurius_hits))
    if peer is not None:
        asked = [chroma.question(texts.question_vectors[number]) for number in numbers]
        found.append(Contender("chroma", peer.query_url(peer_id), peer.pid, asked, chroma.hits))
    return found


def _limit_hits(told: Any) -> Hits:  # noqa: ANN401 - JSON
    return [(int(each["key"]), each["similarity"], each["fields"]) for each in told["data"]]


def _mercurius_hits(told: Any) -> Hits:  # noqa: ANN401 - JSON
    return [(int(each["key"]), each["similarity"], orjson.loads(each["fields"])) for each in told["data"]["search"]]


def _agree(texts: Texts) -> Callable[[int, str, Any], None]:
    """Ten hits in order, each with the similarity and the fields of its text. Which ten they are is what recall tells."""

    def agree(question: int, name: str, found: Hits) -> None:
        exact = texts.similarities(question)
        told = [similarity for _, similarity, _ in found]
        right = all(
            abs(similarity - exact[key]) <= 10 * ALIKE and fields == texts.fields(key)
            for key, similarity, fields in found
        )
        if len(found) != 10 or not right or told != sorted(told, reverse=True):
            raise AssertionError(f"{name} answers question {question} wrongly")

    return agree
