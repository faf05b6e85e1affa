"""How texts are packed into requests, and how a request that was too much is halved. Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import orjson

from providers.base import BatchLimits

BYTES_PER_TOKEN = 3
"""Errs high: an English token has some four bytes. To count exactly would need each vendor's tokenizer."""


def pack(texts: Sequence[str], limits: BatchLimits) -> Iterator[range]:
    """Consecutive positions of `texts`, in ranges as long as the limits allow; a text beyond them stands alone."""
    most_tokens = limits.tokens or sys.maxsize
    start = tokens = size = 0
    for position, text in enumerate(texts):
        text_size = len(orjson.dumps(text))
        text_tokens = -(-len(text.encode()) // BYTES_PER_TOKEN)
        full = position - start >= limits.texts or tokens + text_tokens > most_tokens or size + text_size > limits.bytes
        if full and position > start:
            yield range(start, position)
            start, tokens, size = position, 0, 0
        tokens += text_tokens
        size += text_size
    if start < len(texts):
        yield range(start, len(texts))


def halves(batch: range) -> tuple[range, range]:
    """Both parts of a batch of two texts or more."""
    middle = len(batch) // 2
    return batch[:middle], batch[middle:]
