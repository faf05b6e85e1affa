from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.app.web.support import Doorkeeper, gateway


@pytest.fixture
def doorkeeper() -> Doorkeeper:
    return Doorkeeper()


@pytest.fixture
async def client(doorkeeper: Doorkeeper) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(gateway(doorkeeper))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as opened:
        opened.headers["authorization"] = "Bearer t"
        yield opened
