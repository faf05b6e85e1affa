"""Hostile values through every argument of the API: what is wrong is refused in the gateway's own words, and the gateway goes on.

HOSTILE_EXAMPLES says how many requests (each place in the schema's arguments gets one at least), HOSTILE_SEED which ones,
HOSTILE_AT_ONCE how many side by side.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import httpx
import structlog
from graphql import GraphQLInterfaceType
from hypothesis import HealthCheck, Phase, given, seed, settings

from app.errors import CATALOGUE, ErrorFamily
from resolvers.schema import build_schema
from tests.factory import KEY, SECOND_KEY, Run, Running
from tests.fakes.openai import OpenAIFake
from tests.fakes.vendors import FAKES
from tests.hostile.request import Operation, Path, Request, operations, places, requests
from tests.hostile.value import CANARY, HOSTILE
from tests.hostile.world import World
from tests.patience import until

EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES", "1000"))
SEED = int(os.environ.get("HOSTILE_SEED", "0"))
AT_ONCE = int(os.environ.get("HOSTILE_AT_ONCE", "1"))
REQUESTS_A_WORLD = 60
SECONDS = 20
SCHEMA = build_schema()._schema
PLACES = [(operation, place) for operation in operations(SCHEMA) for place in places(operation)]
SECRETS = (KEY, SECOND_KEY, CANARY)
INSIDE = re.compile(
    r"Traceback|\.py\b|asyncpg|at or near|invalid input|violates|relation \"|does not exist:|0x[0-9a-f]{6}|\b[A-Z][a-z]\w*Error\b"
)
"""What a trace of Python, or a message of PostgreSQL, would have in it."""


def weight(place: Path) -> int:
    """There is more to be wrong in what has a grammar of its own."""
    return 6 if HOSTILE.keys() & set(place) else 1


def drawn() -> list[Request]:
    """The requests of a run: every place in turn, then again.

    They are drawn before anything is sent: a server that has lived through some cannot be asked again with less.
    """
    share = max(1, EXAMPLES // sum(weight(place) for _, place in PLACES))
    found = [examples(operation, place, share * weight(place)) for operation, place in PLACES]
    most = max(len(some) for some in found)
    return [some[number] for number in range(most) for some in found if number < len(some)]


def examples(operation: Operation, place: Path, count: int) -> list[Request]:
    """So many requests with something hostile at the place. The first that hypothesis thinks of is the dullest: it is left out."""
    found: list[Request] = []

    @seed(f"{SEED} {operation.owner}.{operation.name} {place}")
    @settings(
        max_examples=count + 1,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests(operation, place))
    def draw(request: Request) -> None:
        found.append(request)

    draw()
    return found[1:]


class Campaign:
    """Sends requests to world after world, and keeps what was wrong with the answers."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.worlds: list[World] = []
        self.faults: list[str] = []
        self.done = 0

    async def send(self, queue: list[Request]) -> None:
        for start in range(0, len(queue), AT_ONCE):
            if start % REQUESTS_A_WORLD < AT_ONCE or await self.worlds[-1].is_lost():
                await self._renew()
            await asyncio.gather(*(self._send(self.worlds[-1], each) for each in queue[start : start + AT_ONCE]))
        await self.worlds[-1].close()

    async def _renew(self) -> None:
        before = self.worlds[-1] if self.worlds else None
        self.worlds.append(await World.new(self.running, len(self.worlds), before))
        if before:
            await before.close()

    async def _send(self, world: World, request: Request) -> None:
        body = request.text(world.known)
        headers = {"content-type": "application/json"}
        response = await world.api.http.post("/graphql", content=body, headers=headers, timeout=SECONDS + 10)
        where = f"{request.operation.owner}.{request.operation.name} {'.'.join(request.place)}"
        found = [
            *_faults(response),
            *([] if world.foreign_canary not in response.text else ["tells of a foreign organization"]),
        ]
        self.faults += [f"{where}: {each}\n  {body[:2000]}\n  {response.text[:1000]}" for each in found]
        if not found:
            answer = response.json()
            self.done += "errors" not in answer
            world.known.note(answer.get("data"))


def _faults(response: httpx.Response) -> Iterator[str]:
    """What is wrong with an answer, whatever was asked."""
    try:
        body = json.loads(response.text, parse_constant=_no_number)
    except ValueError:
        yield f"no JSON, status {response.status_code}"
        return
    errors: list[dict[str, Any]] = body.get("errors", [])
    if response.status_code >= 500:
        yield f"status {response.status_code}"
    if not errors and "data" not in body:
        yield "neither errors nor data"
    if any(key in response.text for key in (KEY, SECOND_KEY)) or CANARY in str(errors):
        yield "quotes a secret"
    for error in errors:
        yield from _faults_of(error["extensions"]["code"], error["message"])
    for item in _failed(body.get("data")):
        yield from _faults_of(item["code"], item["message"])


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


def _faults_of(code: str, message: str) -> Iterator[str]:
    if code not in CATALOGUE or CATALOGUE[code].family is ErrorFamily.SERVER:
        yield code
    if INSIDE.search(message):
        yield "tells of the inside"
    if f"limit of {SECONDS} seconds" in message or "REQUEST_TIMEOUT" in message:
        yield "took too long"


def _failed(data: object) -> Iterator[dict[str, Any]]:
    """The failed items in a payload."""
    if isinstance(data, dict):
        if data.get("status") == "FAILED" and "message" in data:
            yield data
        data = list(data.values())
    for each in data if isinstance(data, list) else ():
        yield from _failed(each)


def test_every_field_with_arguments_is_reached() -> None:
    """By a root, or by node(id)."""
    node = SCHEMA.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    nodes = {each.name for each in SCHEMA.get_possible_types(node)}
    assert {operation.owner for operation, _ in PLACES} <= {"Query", "Mutation", *nodes}


async def test_no_value_of_any_argument_makes_the_gateway_fail(run: Run, openai: OpenAIFake) -> None:
    queue = drawn()
    urls = json.dumps(dict.fromkeys(FAKES, openai.url))  # nothing is sent to anybody else
    seconds = {"request_timeout_seconds": SECONDS, "statement_timeout_seconds": SECONDS, "provider_deadline_seconds": 5}
    running = await run(
        provider_urls=urls,
        max_cost=5_000_000,
        rate_limit_per_token=1_000_000,
        rate_limit_per_address=1_000_000,
        **seconds,
    )
    campaign = Campaign(running)
    with structlog.testing.capture_logs() as logged:
        await campaign.send(queue)
        await nothing_is_left_half_done(running)
    assert not campaign.faults, "\n\n".join(campaign.faults[:20])
    assert [entry for entry in logged if entry["log_level"] in {"error", "critical"}] == []
    assert campaign.done > len(queue) / 10, "nearly all was refused: let tests/hostile/likely.py have right values"


async def nothing_is_left_half_done(running: Running) -> None:
    """And the server serves."""
    async with httpx.AsyncClient(base_url=running.url) as anybody:
        assert (await anybody.get("/readyz")).status_code == 200
    collection_id = await running.api.local_collection()
    await running.api.insert(collection_id, {"_id": "whale", "$vectorize": "a whale"})
    found = await running.api.search(collection_id, query="whale")
    assert [edge["node"]["key"] for edge in found["edges"]] == ["whale"]

    async def no_job_is_left() -> bool:
        return not await running.sql("select from vectorgate.job where status in ('QUEUED', 'RUNNING')")

    await until(no_job_is_left)
    assert await running.sql("select error from vectorgate.job where error_code = 'INTERNAL'") == []
    assert await running.sql("select name, status from vectorgate.database where status <> 'ACTIVE'") == []
