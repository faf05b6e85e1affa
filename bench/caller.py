"""A client of replicas that die: every call goes to one of them, and what became of it is told apart and counted."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import aiohttp
import orjson

from bench.processes import TOKEN

SECONDS = 60.0
"""A call that takes longer counts as unanswered."""
AGAIN_SECONDS = 0.2


class UnansweredError(Exception):
    """Whether it was done is not known: no answer came, or one that the same call may succeed later."""


class RefusedError(Exception):
    """It was not done, and will not be. `codes` are the errors'."""

    def __init__(self, errors: Sequence[dict[str, Any]]) -> None:
        super().__init__([(each["extensions"]["code"], each["message"]) for each in errors])
        self.codes = [each["extensions"]["code"] for each in errors]


class Caller:
    """Calls one of the URLs, by chance; `counts` has what became of all calls, refusals by code."""

    def __init__(self, urls: Sequence[str], seed: int) -> None:
        self._urls = urls
        self._chance = random.Random(seed)  # noqa: S311 - no secret comes of it
        self.counts = Counter[str]()
        self._session = aiohttp.ClientSession(
            headers={"authorization": f"Bearer {TOKEN}", "content-type": "application/json"},
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=SECONDS),
        )

    async def __aenter__(self) -> Caller:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def __call__(self, document: str, **variables: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """The answer's data. Raises UnansweredError and RefusedError."""
        body = orjson.dumps({"query": document, "variables": variables})
        try:
            async with self._session.post(self._chance.choice(self._urls), data=body) as answer:
                told = orjson.loads(await answer.read())
        except (aiohttp.ClientError, TimeoutError, ConnectionError, orjson.JSONDecodeError) as lost:
            self.counts["no answer"] += 1
            raise UnansweredError(str(lost)) from None
        return self._data(told)

    async def until_answered(self, document: str, **variables: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """The data, once there is an answer: for calls that may be repeated. Raises RefusedError."""
        while True:
            try:
                return await self(document, **variables)
            except UnansweredError:
                await asyncio.sleep(AGAIN_SECONDS)

    def _data(self, told: dict[str, Any]) -> dict[str, Any]:
        errors = told.get("errors")
        if not errors:
            self.counts["answered"] += 1
            data: dict[str, Any] = told["data"]
            return data
        self.counts.update(each["extensions"]["code"] for each in errors)
        if all(each["extensions"]["retryable"] for each in errors):
            raise UnansweredError(errors[0]["message"])
        raise RefusedError(errors)
