"""The provider inside this process: static token embeddings of the package wordllama, with the weights that it ships.

Needs no network, account or key. Texts become the mean of their tokens' vectors, scaled to length 1.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from providers.base import Dimension, EmbeddingRequest, InProcessProvider, Kind, Model
from providers.embedding import Embedding, Matrix, Vector
from providers.errors import ProviderClientError
from providers.usage import NO_USAGE, Usage

if TYPE_CHECKING:
    from wordllama import WordLlamaInference

DIMENSION = 256

INLINE_CHARACTERS = 4000
"""What takes about a millisecond is done at once: a worker thread costs more than it saves."""

CHARACTERS_AT_ONCE = 500_000
"""What a worker thread is handed at a time, where it is more than one text: it cannot be interrupted, for some 100 milliseconds."""

TOKENS_AT_ONCE = 65_536
"""Bounds the memory that one very long text needs to 64 MB."""


@dataclass(frozen=True, kw_only=True)
class Local(InProcessProvider):
    """Embeds documents and queries alike."""

    async def embed(self, request: EmbeddingRequest) -> Embedding:
        if _is_loaded() and sum(map(len, request.texts)) <= INLINE_CHARACTERS:
            return _embed(request.texts)
        parts = [await asyncio.to_thread(_embed, part) for part in _parts(request.texts)]
        return parts[0] if len(parts) == 1 else _joined(parts)


LOCAL = Local(
    key="local",
    display_name="Local",
    kind=Kind.HOSTED,
    documentation_url="https://github.com/dleemiller/WordLlama",
    models=(Model(name="wordllama-256", dimension=Dimension.exactly(DIMENSION)),),
)


def _parts(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The texts in stretches of so many characters, or of one text; one stretch at least."""
    begin = held = 0
    for position, text in enumerate(texts):
        if position > begin and held + len(text) > CHARACTERS_AT_ONCE:
            yield texts[begin:position]
            begin, held = position, 0
        held += len(text)
    yield texts[begin:]


def _joined(parts: Sequence[Embedding]) -> Embedding:
    """The parts of one request as one."""
    begins = accumulate((len(part.vectors) for part in parts), initial=0)
    refusals = {
        begin + at: each for begin, part in zip(begins, parts, strict=False) for at, each in part.refusals.items()
    }
    usage = sum((part.usage for part in parts), NO_USAGE)
    return Embedding(vectors=np.concatenate([part.vectors for part in parts]), usage=usage, refusals=refusals)


def _embed(texts: Sequence[str]) -> Embedding:
    """A text without tokens has no direction; it is refused, as a zero vector cannot be compared by cosine."""
    model = _model()
    tokens = [encoding.ids for encoding in model.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]
    vectors = np.zeros((len(texts), DIMENSION), np.float32)
    for row, ids in zip(vectors, tokens, strict=True):
        row[:] = _pooled(model.embedding, ids)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.divide(vectors, norms, out=vectors, where=norms > 0)
    count = sum(map(len, tokens))
    return Embedding(vectors=vectors, usage=Usage(count, count), refusals=_refusals(norms))


def _pooled(table: Matrix, ids: Sequence[int]) -> Vector:
    """The sum of the tokens' vectors. wordllama's own pooling would pad a whole batch to its longest text."""
    pooled = np.zeros(DIMENSION, np.float32)
    for start in range(0, len(ids), TOKENS_AT_ONCE):
        pooled += table.take(ids[start : start + TOKENS_AT_ONCE], axis=0).sum(axis=0)
    return pooled


def _refusals(norms: Matrix) -> dict[int, ProviderClientError]:
    message = f"{LOCAL.display_name} cannot embed this text: it holds nothing that has a meaning to the model."
    return {int(position): ProviderClientError(message, provider=LOCAL.key) for position in np.flatnonzero(norms == 0)}


_loading = threading.Lock()


def _model() -> WordLlamaInference:
    """The model, loaded at its first use, once however many threads ask for it."""
    with _loading:
        return _load()


def _is_loaded() -> bool:
    return _load.cache_info().currsize > 0


@functools.cache
def _load() -> WordLlamaInference:
    with _root_logger_shielded():
        import wordllama  # noqa: PLC0415 - half a second, and only for those who use this provider
    folder = Path(wordllama.__file__).parent
    model = wordllama.WordLlama.load(cache_dir=folder, dim=DIMENSION, disable_download=True)
    model.tokenizer.no_padding()
    return model


@contextmanager
def _root_logger_shielded() -> Iterator[None]:
    """Importing wordllama calls logging.basicConfig, which does nothing while the root logger has a handler."""
    shield = logging.NullHandler()
    logging.root.addHandler(shield)
    try:
        yield
    finally:
        logging.root.removeHandler(shield)
