"""Documents for searches: texts with their vectors, questions that are not among them, and what an exact scan finds."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import corpus
from providers.base import EmbeddingRequest, InputType
from providers.local import DIMENSION, LOCAL

Floats = NDArray[np.float32]
BATCH = 1000
ALIKE = 1e-5
"""Similarities that differ by less are equal: a cosine is added up in 32 bits, in whatever order."""


@dataclass(frozen=True)
class Texts:
    """Texts number 0, 1, 2 … that are stored, and questions; vectors of length 1 in the same order."""

    stored: Sequence[str]
    vectors: Floats
    questions: Sequence[str]
    question_vectors: Floats

    def fields(self, number: int) -> dict[str, Any]:
        """What is stored with a text, beside its key, which is its number: the share of `part < n` is n percent."""
        return {"title": self.stored[number][:60], "part": number * 7919 % 100}

    def document(self, number: int) -> dict[str, Any]:
        """As insertDocuments takes it."""
        return {"_id": number, **self.fields(number), "$vectorize": self.stored[number]}

    def similarities(self, question: int) -> Floats:
        """(1 + cosine) / 2 to every text."""
        found: Floats = (1 + self.vectors @ self.question_vectors[question]) / 2
        return found

    def least(self, question: int, count: int, below: int = 100) -> float:
        """The similarity of the last of the nearest `count`, among the texts whose part is below this."""
        every = self.similarities(question)
        if below < 100:
            every = every[np.arange(len(every)) * 7919 % 100 < below]
        return float(np.partition(every, -count)[-count]) if len(every) > count else float(every.min())


def encoded(vector: Floats) -> str:
    """Base64 of big-endian float32 values, as the gateway takes it."""
    return base64.b64encode(vector.astype(">f4").tobytes()).decode()


async def read(path: Path, stored: int, questions: int) -> Texts:
    """Raises ValueError where the corpus is too small."""
    chosen = await asyncio.to_thread(corpus.texts, path, stored + questions)
    chosen = [text for text in chosen if any(map(str.isalnum, text))]
    vectors = await embedded(chosen)
    return Texts(chosen[:stored], vectors[:stored], chosen[stored:], vectors[stored:])


async def embedded(texts: Sequence[str]) -> Floats:
    """By the local model, as the gateway does. Raises the refusal of a text that means nothing to it."""
    parts = [await _part(texts[first : first + BATCH]) for first in range(0, len(texts), BATCH)]
    return np.concatenate(parts)


async def _part(texts: Sequence[str]) -> Floats:
    asked = EmbeddingRequest(
        texts=texts, model=LOCAL.models[0], dimension=DIMENSION, parameters={}, input_type=InputType.DOCUMENT
    )
    found = await LOCAL.embed(asked)
    for refusal in found.refusals.values():
        raise refusal
    return found.vectors
