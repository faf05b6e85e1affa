"""A gateway on an embedded PostgreSQL with providers that cost nothing, each in a process of its own."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson

from bench.load import Client
from bench.processes import TOKEN, UNLIMITED, child, free_port


@asynccontextmanager
async def started() -> AsyncIterator[tuple[Client, Path]]:
    """A client of the gateway, and the file of its account. OpenAI answers at once, Mistral never."""
    with tempfile.TemporaryDirectory(prefix="vectorgate-bench-") as name:
        folder, provider, gateway = Path(name), free_port(), free_port()
        await asyncio.to_thread(folder.chmod, 0o755)  # where this runs as root, PostgreSQL runs as a user of its own
        vendor = f"http://127.0.0.1:{provider}"
        settings = {
            "ACCOUNT": str(folder / "account"),
            "VECTORGATE_DATA_DIR": str(folder),
            "VECTORGATE_PORT": str(gateway),
            "VECTORGATE_BOOTSTRAP_TOKEN": TOKEN,
            "VECTORGATE_LOG_LEVEL": "warning",
            **UNLIMITED,
            "VECTORGATE_PROVIDER_URLS": orjson.dumps({"openai": f"{vendor}/v1", "mistral": f"{vendor}/hang"}).decode(),
        }
        async with (
            child("bench.provider", {"PORT": str(provider)}, f"{vendor}/ready"),
            child("bench.gateway", settings, f"http://127.0.0.1:{gateway}/readyz"),
            Client(f"http://127.0.0.1:{gateway}/graphql") as client,
        ):
            yield client, folder / "account"
