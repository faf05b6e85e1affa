"""The provider inside the process, with its real model."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import wordllama

from providers import local
from providers.base import InputType
from providers.configuration import request_for, resolve
from providers.embedding import Embedding
from providers.errors import ProviderClientError, UnsupportedDimensionError
from providers.local import INLINE_CHARACTERS, LOCAL, TOKENS_AT_ONCE

ROOT = Path(__file__).parent.parent.parent


async def embed(*texts: str, input_type: InputType = InputType.DOCUMENT) -> Embedding:
    return await LOCAL.embed(request_for(LOCAL, resolve(LOCAL, "wordllama-256"), texts, input_type))


async def test_vectors_have_length_1_and_256_dimensions() -> None:
    embedding = await embed("a quick fox", "ein fauler Hund", "日本語", "🜁", "x" * 5000)
    assert embedding.vectors.shape == (5, 256)
    assert embedding.vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embedding.vectors, axis=1), 1, rtol=1e-5)


async def test_texts_of_like_meaning_are_near() -> None:
    king, queen, engine = (await embed("the king ruled", "the queen reigned", "repair of diesel engines")).vectors
    assert king @ queen > king @ engine


async def test_vectors_are_those_of_the_package() -> None:
    texts = ["a quick fox", "a much longer text about lazy dogs, sleeping all day", "z"]
    folder = Path(wordllama.__file__).parent
    expected = wordllama.WordLlama.load(cache_dir=folder, disable_download=True).embed(texts, norm=True)
    np.testing.assert_allclose((await embed(*texts)).vectors, expected, atol=1e-6)


async def test_a_text_has_the_same_vector_in_any_company_and_on_any_thread() -> None:
    alone = (await embed("a quick fox")).vector(0)
    among = (await embed("a quick fox", "word " * INLINE_CHARACTERS)).vector(0)
    asked = (await embed("a quick fox", input_type=InputType.QUERY)).vector(0)
    np.testing.assert_array_equal(alone, among)
    np.testing.assert_array_equal(alone, asked)


async def test_a_very_long_text_is_pooled_piece_by_piece() -> None:
    long = (await embed("dog " * (TOKENS_AT_ONCE + 10))).vector(0)
    np.testing.assert_allclose(long, (await embed("dog " * 1000)).vector(0), atol=1e-2)


async def test_many_texts_are_embedded_in_stretches_that_come_out_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "INLINE_CHARACTERS", 0)
    texts = ("a whale", "", "the ocean", "a ship on it", "")
    whole = await embed(*texts)
    monkeypatch.setattr(local, "CHARACTERS_AT_ONCE", 10)
    parted = await embed(*texts)
    assert np.array_equal(parted.vectors, whole.vectors)
    assert parted.usage == whole.usage
    assert parted.refusals.keys() == whole.refusals.keys() == {1, 4}


async def test_a_text_without_tokens_is_refused_alone() -> None:
    embedding = await embed("", "a quick fox")
    assert embedding.vector(1).any()
    with pytest.raises(ProviderClientError, match="Local cannot embed this text"):
        embedding.vector(0)


async def test_tokens_are_counted() -> None:
    one, two = (await embed("one two three")).usage, (await embed("one two three", "one two three")).usage
    assert one.total_tokens
    assert two == one + one


async def test_without_texts_there_is_nothing() -> None:
    assert (await embed()).vectors.shape == (0, 256)


async def test_many_calls_at_once_agree() -> None:
    expected = (await embed("word " * 2000)).vectors
    for embedding in await asyncio.gather(*(embed("word " * 2000) for _ in range(16))):
        np.testing.assert_array_equal(embedding.vectors, expected)


def test_its_dimension_is_fixed() -> None:
    with pytest.raises(UnsupportedDimensionError):
        resolve(LOCAL, "wordllama-256", 128)


def test_loading_leaves_the_root_logger_alone_and_uses_no_network() -> None:
    program = """
import asyncio, logging, socket
from providers import local
from providers.base import InputType
from providers.configuration import request_for, resolve
from providers.local import LOCAL

def refuse(*_):
    raise AssertionError("network")

socket.socket.connect = socket.getaddrinfo = refuse
request = request_for(LOCAL, resolve(LOCAL, "wordllama-256"), ["text"], InputType.QUERY)
assert asyncio.run(LOCAL.embed(request)).vector(0).any()
print(logging.root.handlers, logging.root.level)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    assert (done.stdout, done.stderr) == (f"[] {logging.WARNING}\n", "")
