"""A case: the same question to several contenders, whose answers agree, under load in turn (A B A B …)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import orjson

from bench.processes import TOKEN
from bench.spent import Spent, Watched
from bench.wrk import Load, load

WARM_UP_SECONDS = 2
LEAST = 0.8
"""Of the size of the answer that was checked: smaller ones on the average are refusals."""


@dataclass(frozen=True)
class Contender:
    """Who is asked what: one body for all requests, or many in turn."""

    name: str
    url: str
    pid: int
    bodies: Sequence[Mapping[str, Any]]
    read: Callable[[Any], Any]
    """What an answer says, in a form that is the same for all contenders."""


@dataclass(frozen=True)
class Case:
    """Contenders, the gateway first; `agree` raises AssertionError where an answer to body number n is not what it must be."""

    name: str
    title: str
    contenders: Sequence[Contender]
    agree: Callable[[int, str, Any], None]
    asked: Sequence[int] = (0,)
    """The numbers of the bodies that are tried before."""


@dataclass(frozen=True)
class Outcome:
    """Medians of the rounds of one contender."""

    name: str
    rates: Sequence[float]
    loads: Sequence[Load]

    @property
    def rate(self) -> float:
        return median(self.rates)

    def p(self, name: str) -> float:
        """`p50` or `p99`, in milliseconds."""
        return float(median(getattr(each, name) for each in self.loads))

    def spent(self, of: Callable[[Load], float]) -> float:
        return median(map(of, self.loads))


class Contest:
    """Runs cases. `watched`: what is measured beside the contender: PostgreSQL."""

    def __init__(self, folder: Path, watched: Watched, rounds: int, seconds: int) -> None:
        self._folder = folder
        self._watched = watched
        self._rounds = rounds
        self._seconds = seconds

    async def run(self, case: Case) -> list[Outcome]:
        """The outcomes in the order of the contenders. Raises AssertionError where they do not answer the same."""
        sizes = [await check(case, each) for each in case.contenders]
        files = [self._bodies(case, each) for each in case.contenders]
        loads: list[list[Load]] = [[] for _ in case.contenders]
        for number in range(self._rounds + 1):  # the first one warms up
            for position, each in enumerate(case.contenders):
                first = number * len(each.bodies) // (self._rounds + 1)
                watched = {**self._watched, "server": each.pid}
                if not number:
                    await load(each.url, files[position], first, WARM_UP_SECONDS, watched)
                    continue
                done = await load(each.url, files[position], first, self._seconds, watched)
                if done.bytes < LEAST * sizes[position]:
                    raise RuntimeError(
                        f"{case.name}: {each.name} answered {done.bytes:.0f} bytes, and {sizes[position]:.0f} before"
                    )
                loads[position].append(done)
        return [
            Outcome(each.name, [load.rate for load in loads[position]], loads[position])
            for position, each in enumerate(case.contenders)
        ]

    def _bodies(self, case: Case, contender: Contender) -> Path:
        path = self._folder / f"{case.name}-{contender.name}.jsonl".replace(" ", "-")
        with path.open("wb") as file:
            file.writelines(orjson.dumps(body) + b"\n" for body in contender.bodies)
        return path


async def check(case: Case, contender: Contender) -> float:
    """Ask without load; answers how long the answers are on the average."""
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    sizes = []
    async with aiohttp.ClientSession(headers=headers) as session:
        for number in case.asked:
            body = orjson.dumps(contender.bodies[number])
            async with session.post(contender.url, data=body) as answer:
                said = await answer.read()
            try:
                case.agree(number, contender.name, contender.read(orjson.loads(said)))
            except (AssertionError, LookupError, TypeError, ValueError) as error:
                raise AssertionError(f"{case.name}: {contender.name} answers {said[:2000]!r}") from error
            sizes.append(len(said))
    return sum(sizes) / len(sizes)


def cpu_of(name: str) -> Callable[[Load], float]:
    """CPU milliseconds of an answer that `name` spends."""
    return lambda load: 1000 * load.spent.cpu[name] / load.requests


def share_of(name: str) -> Callable[[Load], float]:
    """The part of one core that `name` takes."""
    return lambda load: load.spent.share(name)


def memory_of(name: str) -> Callable[[Load], float]:
    return lambda load: spent_memory(load.spent, name)


def spent_memory(spent: Spent, name: str) -> float:
    """Mebibytes."""
    return spent.memory[name]
