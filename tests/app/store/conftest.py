"""Connections as the gateway's pools have them, to a migrated database that the tests of one module share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeAlias
from uuid import uuid4

import asyncpg
import pytest

from app.codec import register_codecs
from app.postgres import Connection, Tuning
from tests.conftest import of_database

Connect: TypeAlias = Callable[[], Awaitable[Connection]]


@pytest.fixture(scope="module")
async def connect(server_url: str, template: str) -> AsyncIterator[Connect]:
    """Opens one more connection to the module's database."""
    name = f"test_{uuid4().hex}"
    server = await asyncpg.connect(server_url)
    await server.execute(f"create database {name} template {template}")
    async with AsyncExitStack() as stack:

        async def made() -> Connection:
            opened = await asyncpg.connect(of_database(server_url, name), server_settings=Tuning().server_settings())
            stack.push_async_callback(opened.close)
            await register_codecs(opened)
            return opened

        yield made
    await server.execute(f"drop database {name} with (force)")
    await server.close()


@pytest.fixture(scope="module")
async def connection(connect: Connect) -> Connection:
    """The module's usual connection."""
    return await connect()
