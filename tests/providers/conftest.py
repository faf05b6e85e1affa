"""A fake OpenAI on a loopback port, and a sender that waits milliseconds where a real one waits seconds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from providers.base import HttpProvider
from providers.call import Backoff
from providers.http_client import build_client
from providers.openai import OPENAI
from providers.transport import Sender
from tests.fakes.openai import OpenAIFake
from tests.fakes.serving import serve
from tests.providers.support import KEY


@pytest.fixture
def fake() -> OpenAIFake:
    return OpenAIFake(KEY)


@pytest.fixture
async def provider(fake: OpenAIFake) -> AsyncIterator[HttpProvider]:
    async with serve(fake) as url:
        yield replace(OPENAI, base_url=f"{url}/v1")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with build_client() as client:
        yield client


@pytest.fixture
def sender(client: httpx.AsyncClient) -> Sender:
    return Sender(client, deadline_seconds=20, backoff=Backoff(initial=0.001, maximum=0.01))
