"""Load on one GraphQL operation: a steady rate whatever the answers do, so that slow answers are not left out of the picture."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from bench.processes import TOKEN

Body = Callable[[int], dict[str, Any]]


@dataclass(frozen=True)
class Latencies:
    """Milliseconds of every answer, sorted, and how many were refused."""

    milliseconds: Sequence[float]
    refused: int

    def quantile(self, part: float) -> float:
        """The latency that this part of the answers did not exceed."""
        return self.milliseconds[min(len(self.milliseconds) - 1, int(part * len(self.milliseconds)))]


class Client:
    """A GraphQL client that costs little of the machine that it shares with the server."""

    def __init__(self, url: str) -> None:
        self.url = url
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
        self._session = aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0))

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """The answer, errors included."""
        return await self.send(orjson.dumps(body))

    async def send(self, body: bytes) -> dict[str, Any]:
        """As `post`, of what is JSON already."""
        async with self._session.post(self.url, data=body) as answer:
            parsed: dict[str, Any] = orjson.loads(await answer.read())
            return parsed

    async def __call__(self, document: str, **variables: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """The answer's data. Raises RuntimeError for errors: a benchmark of refusals would be none."""
        answer = await self.post({"query": document, "variables": variables})
        if answer.get("errors"):
            raise RuntimeError(answer["errors"])
        data: dict[str, Any] = answer["data"]
        return data


async def saturate(client: Client, body: Body, seconds: float, connections: int = 16) -> float:
    """Answers a second with so many requests always in flight. Raises RuntimeError for a refusal."""
    end = time.perf_counter() + seconds
    count = 0

    async def keep_asking(first: int) -> None:
        nonlocal count
        number = first
        while time.perf_counter() < end:
            if (answer := await client.post(body(number))).get("errors"):
                raise RuntimeError(answer)
            number += connections
            count += 1

    await asyncio.gather(*(keep_asking(first) for first in range(connections)))
    return count / seconds


async def at_rate(client: Client, body: Body, rate: float, seconds: float) -> Latencies:
    """Latencies of requests that are begun at a steady rate, each counted from when it was due."""
    found: list[float] = []
    refused = 0
    begun = time.perf_counter()

    async def ask(number: int) -> None:
        nonlocal refused
        due = begun + number / rate
        answer = await client.post(body(number))
        found.append((time.perf_counter() - due) * 1000)
        refused += bool(answer.get("errors"))

    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
            group.create_task(ask(number))
    return Latencies(sorted(found), refused)
