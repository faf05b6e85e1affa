"""Carrying documents from one collection into another, in batches that are committed with what embedding them has spent (rule 21).

A text whose vector is there already is not embedded again: a job that begins anew asks for nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.domain import embedding, usage
from app.domain.document import metric_of
from app.domain.job import JobLeftError, Run
from app.domain.vector import usable
from app.postgres import Cluster, Connection
from app.store import change, document, document_copy
from app.store.document import Wanted
from app.store.record import Attachment, Collection, Document, Resolved, Vector
from app.store.usage import Spent

KNOWN = Wanted(text=True, vector=True)


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written together: documents of the old collection, keys of which there are none any more, changes that this takes over."""

    documents: Sequence[Document]
    gone: Sequence[str] = ()
    changes: Sequence[int] = ()


class Carrying:
    """One worker's way between two collections. Their configurations are permanent; credentials and scopes are looked up each time."""

    def __init__(self, run: Run, old: Resolved[Collection], new: Resolved[Collection]) -> None:
        self._run = run
        self.old = old.target
        self.new = new.target
        self.anew = new.attachment is not None and not same(old.attachment, new.attachment)
        """Whether texts are embedded anew; else vectors are copied."""
        self._keeps_text = new.attachment is not None

    @property
    def region(self) -> Cluster:
        return self._run.gateway.postgres.region(self.old.region)

    async def carry(self, batch: Batch) -> int:
        """Write a batch, patiently; answers how many of its documents lack a vector. Raises JobLeftError."""
        return await self._run.patiently(lambda: self._carry(batch))

    async def _carry(self, batch: Batch) -> int:
        vectors, spent = await self._vectors(batch.documents)
        ready = [
            replace(each, text=each.text if self._keeps_text else None, vector=vectors.get(each.key))
            for each in batch.documents
        ]

        async def write(connection: Connection) -> None:
            if not await change.hold(connection, self._run.job):
                raise JobLeftError(f"job {self._run.job.id} has another worker")
            await document_copy.put(connection, self.new, ready)
            if batch.gone:
                await document.delete(connection, self.new, given=None, keys=batch.gone, most_keys=0)
            await change.forget(connection, batch.changes)

        await usage.write(self._run.gateway, self.new.region, spent, write)
        wanting = batch.documents if self.anew else [each for each in batch.documents if each.vector is not None]
        return len(wanting) - len(vectors) if self.new.dimension is not None else 0

    async def _vectors(self, documents: Sequence[Document]) -> tuple[dict[str, Vector], list[Spent]]:
        """Key -> vector, for documents that get one, and what that has spent."""
        if not self.anew:
            known = {each.key: each.vector for each in documents if each.vector is not None}
            return usable(known, metric_of(self.new)), []
        texts = {each.key: each.text for each in documents if each.text is not None and each.text.strip()}
        known = await self._known(texts)
        asked = list(dict.fromkeys(text for key, text in texts.items() if key not in known))
        if not asked:
            return known, []
        gateway, actor = self._run.gateway, self._run.actor
        new = await embedding.resolve(gateway, actor, self.new.id)
        embedded = await embedding.embed(gateway, actor, new, asked)
        answers = usable(dict(zip(asked, embedded.outcomes, strict=True)), metric_of(self.new))
        fresh = {key: answers[text] for key, text in texts.items() if key not in known and text in answers}
        return known | fresh, [embedded.spent]

    async def _known(self, texts: Mapping[str, str]) -> dict[str, Vector]:
        """The vectors that are there already, made of the same texts."""
        async with self.region.connection() as connection:
            found = await document.by_keys(connection, self.new, KNOWN, list(texts))
        return {each.key: each.vector for each in found if each.vector is not None and each.text == texts[each.key]}


async def between(run: Run, old_id: UUID, new_id: UUID) -> Carrying:
    """Raises NotFound when one of the collections was dropped."""
    old = await embedding.resolve(run.gateway, run.actor, old_id)
    new = await embedding.resolve(run.gateway, run.actor, new_id)
    return Carrying(run, old, new)


def same(old: Attachment | None, new: Attachment | None) -> bool:
    """Whether equal texts get equal vectors from both; with which credential does not matter."""

    def of(use: Attachment | None) -> tuple[object, ...] | None:
        return (use.provider, use.model, use.dimension, use.parameters) if use is not None else None

    return of(old) == of(new)
