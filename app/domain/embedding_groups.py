"""Texts for several uses of integrations, embedded in groups: each distinct text once for each configuration, all of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Generic, TypeVar

from app.access import Actor
from app.domain import embedding, usage
from app.domain.embedding import Asked, Embedded, Target
from app.errors import GatewayError
from app.gateway import Gateway
from app.store.record import Resolved, Vector
from app.store.usage import Spent
from providers.usage import Usage

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Asking:
    """Texts for one use of an integration: a collection's, or that of a vector column."""

    resolved: Resolved[Target]
    texts: Iterable[str]


@dataclass(frozen=True, slots=True)
class AllEmbedded(Generic[K]):
    """What became of each text of each use, and what it took: `spent` has one entry a configuration, still to be recorded."""

    outcomes: Mapping[K, Mapping[str, Vector | GatewayError]]
    usage: Usage | None
    spent: list[Spent]


async def embed_all(gateway: Gateway, actor: Actor, wanted: Mapping[K, Asking]) -> AllEmbedded[K]:
    """Embed texts that are to be stored; call it with no connection held. Raises as `embedding.embed`.

    Nobody is asked unless all may be asked. When one fails, what the others have spent is recorded before its failure leaves.
    """
    asked = {key: embedding.allowed(gateway, actor, each.resolved) for key, each in wanted.items()}
    groups = {each.identity: each for each in asked.values()}
    texts: dict[tuple[Hashable, ...], dict[str, None]] = {identity: {} for identity in groups}
    for key, each in wanted.items():
        texts[asked[key].identity] |= dict.fromkeys(each.texts)
    answers = await _side_by_side(gateway, [(group, list(texts[identity])) for identity, group in groups.items()])
    outcomes = {
        identity: dict(zip(texts[identity], each.outcomes, strict=True))
        for identity, each in zip(groups, answers, strict=True)
    }
    return AllEmbedded(
        outcomes={key: outcomes[each.identity] for key, each in asked.items()},
        usage=reduce(Usage.__add__, [each.usage for each in answers]) if answers else None,
        spent=[each.spent for each in answers],
    )


async def _side_by_side(gateway: Gateway, groups: Sequence[tuple[Asked, Sequence[str]]]) -> list[Embedded]:
    """Ask for every group, and wait for all of them: what one has spent is known when it is done."""
    asking = [asyncio.ensure_future(embedding.answer(asked, texts)) for asked, texts in groups]
    try:
        return list(await asyncio.gather(*asking))
    except BaseException:
        done = await asyncio.gather(*asking, return_exceptions=True)
        for (asked, _), each in zip(groups, done, strict=True):
            if isinstance(each, Embedded):
                await usage.record_failed(gateway, asked.resolved.target.region, each.spent)
        raise
