"""What carries lines through a door: order, repetition, refusals and the end; with a door that the tests hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.cli.transfer import patience
from app.cli.transfer.checkpoint import Notes, Tally
from app.cli.transfer.door import Door, GatewayAwayError, Question, Stretch, Target
from app.cli.transfer.importing import Import, Manner
from app.cli.transfer.line import Line, Rejected
from app.cli.transfer.mapping import Fields
from app.cli.transfer.progress import Meter
from app.cli.transfer.rejects import Rejects
from app.domain.insertion import Item, ItemStatus, OnConflict
from app.errors import BadInput, DatabaseUnavailable, GatewayError, RateLimited
from tests.patience import in_time, until

MANNER = Manner(Fields(), makes_keys=False, on_conflict=OnConflict.FAIL, batch_size=2, in_flight=3, patience=60)


class Held(Door):
    """A door that fails as it is told, and remembers what went through it."""

    def __init__(self, *failures: GatewayError | GatewayAwayError) -> None:
        self.target, self.name, self.columns = Target("library", "books", is_table=False), "books", ()
        self.failures = list(failures)
        self.calls: list[tuple[str | None, list[Any]]] = []
        self.through: list[Mapping[str, Any]] = []
        self.refused: set[int] = set()
        self.broken: dict[int, GatewayError] = {}
        """By the first record of the batch that they refuse."""
        self.phases: list[str] = []
        self.unbuilt: list[GatewayError] = []
        self.open = asyncio.Event()
        self.open.set()

    async def insert(
        self, items: Sequence[Mapping[str, Any]], on_conflict: OnConflict, key: str | None
    ) -> Sequence[Item]:
        assert on_conflict is OnConflict.FAIL
        self.calls.append((key, [each["n"] for each in items]))
        await self.open.wait()
        if items[0]["n"] in self.broken:
            raise self.broken[items[0]["n"]]
        if self.failures:
            raise self.failures.pop(0)
        self.through += items
        return [
            Item(index, None, ItemStatus.FAILED, "BAD_INPUT", message="no")
            if each["n"] in self.refused
            else Item(index, None, ItemStatus.INSERTED)
            for index, each in enumerate(items)
        ]

    async def check(self, items: Sequence[Mapping[str, Any]]) -> Sequence[Item]:
        raise NotImplementedError

    async def page(self, asked: Question, after: str | None, first: int) -> Stretch:
        raise NotImplementedError

    async def count(self, asked: Question) -> int:
        raise NotImplementedError

    @asynccontextmanager
    async def loading(self, tell: Callable[[str], None]) -> AsyncIterator[None]:
        self.phases.append("begun")
        yield
        tell("Ending")
        if self.unbuilt:
            raise self.unbuilt.pop()
        self.phases.append("ended")


class Bench:
    """An import through a held door."""

    def __init__(self, door: Held, folder: Path) -> None:
        self.door = door
        self.notes, self.rejects = Notes(), Rejects(folder / "rejected", 0)
        self.work = Import(door, MANNER, self.notes, self.rejects, Meter("Importing", None, quiet=True), lambda _: 0)

    async def run(self, *lines: Line | Rejected) -> Tally:
        with self.rejects:
            await self.work.run(iter(lines))
        return self.notes.tally


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where rejected records go; nobody waits between attempts."""
    monkeypatch.setattr(patience, "_BACKOFF", lambda _: 0.0)
    return tmp_path


def lines(count: int) -> Iterator[Line]:
    return (Line(number, {"n": number}, 10) for number in range(1, count + 1))


async def test_all_lines_go_through_once_in_batches_with_a_key_each(folder: Path) -> None:
    bench = Bench(Held(), folder)
    tally = await bench.run(*lines(7))
    assert (tally.line, tally.inserted, tally.rejected, tally.done) == (7, 7, 0, True)
    assert [numbers for _, numbers in bench.door.calls] == [[1, 2], [3, 4], [5, 6], [7]]
    assert [key for key, _ in bench.door.calls] == [f"import-{bench.notes.keys.seed}-{first}" for first in (1, 3, 5, 7)]
    assert bench.door.phases == ["begun", "ended"]


async def test_several_batches_are_under_way_and_no_more_than_are_allowed(folder: Path) -> None:
    bench = Bench(Held(), folder)
    bench.door.open.clear()
    running = asyncio.create_task(bench.run(*lines(20)))
    await until(lambda: len(bench.door.calls) >= 3)
    assert bench.notes.tally.line == 0
    bench.door.open.set()
    assert (await running).inserted == 20


async def test_what_passes_is_tried_again_with_the_same_key(folder: Path) -> None:
    failures: list[GatewayError | GatewayAwayError] = [
        RateLimited("slowly"),
        GatewayAwayError("away"),
        DatabaseUnavailable("away"),
    ]
    bench = Bench(Held(*failures), folder)
    tally = await bench.run(*lines(2))
    assert tally.inserted == 2
    assert len({key for key, _ in bench.door.calls}) == 1
    assert len(bench.door.calls) == 4


async def test_what_does_not_pass_ends_it_with_what_is_before_noted(folder: Path) -> None:
    bench = Bench(Held(), folder)
    bench.door.broken = {5: BadInput("no such thing")}
    with pytest.raises(BadInput, match="no such thing"):
        await bench.run(*lines(8))
    assert (bench.notes.tally.line, bench.notes.tally.inserted, bench.notes.tally.done) == (4, 4, False)
    assert bench.door.phases == ["begun"]


async def test_patience_ends(folder: Path) -> None:
    door = Held(*(RateLimited("slowly") for _ in range(100)))
    bench = Bench(door, folder)
    impatient = Manner(Fields(), makes_keys=False, on_conflict=OnConflict.FAIL, batch_size=2, in_flight=1, patience=0)
    bench.work = Import(door, impatient, bench.notes, bench.rejects, Meter("Importing", None, quiet=True), lambda _: 0)
    with pytest.raises(RateLimited):
        await bench.run(*lines(2))


async def test_refused_items_and_unreadable_lines_are_written_and_the_others_go_through(folder: Path) -> None:
    bench = Bench(Held(), folder)
    bench.door.refused = {1, 4}
    tally = await bench.run(*lines(4), Rejected(5, "BAD_INPUT", "unreadable", "…"), Line(6, {"n": 6}, 10))
    assert (tally.inserted, tally.rejected, tally.line) == (3, 3, 6)
    assert [line.split('"line":')[1][0] for line in bench.rejects.path.read_text().splitlines()] == ["1", "4", "5"]
    assert tally.rejected_bytes == bench.rejects.path.stat().st_size


async def test_a_stop_lets_what_is_under_way_end_and_begins_nothing_more(folder: Path) -> None:
    bench = Bench(Held(), folder)
    bench.door.open.clear()
    running = asyncio.create_task(bench.run(*lines(100)))
    await until(lambda: len(bench.door.calls) >= 3)
    bench.work.stop()
    bench.door.open.set()
    tally = await running
    assert (tally.line, tally.inserted, tally.done) == (6, 6, False)
    assert bench.door.phases == ["begun"]


async def test_a_stop_ends_the_wait_for_another_attempt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_BACKOFF", lambda _: 3600.0)
    bench = Bench(Held(RateLimited("slowly", retryAfterSeconds=3600)), folder)
    running = asyncio.create_task(bench.run(*lines(2)))
    await until(lambda: not bench.door.failures)
    bench.work.stop()
    async with in_time():
        tally = await running
    assert (tally.line, tally.done) == (0, False)


async def test_what_was_put_off_is_tried_again_alone(folder: Path) -> None:
    bench = Bench(Held(), folder)
    bench.door.unbuilt = [DatabaseUnavailable("away")] * 2
    tally = await bench.run(*lines(2))
    assert (tally.inserted, tally.done) == (2, True)
    assert len(bench.door.calls) == 1
    assert bench.door.phases == ["begun", "begun", "begun", "ended"]


async def test_what_was_put_off_and_cannot_be_done_is_told(folder: Path) -> None:
    bench = Bench(Held(), folder)
    bench.door.unbuilt = [BadInput("no such thing")]
    with pytest.raises(BadInput):
        await bench.run(*lines(2))
    assert (bench.notes.tally.inserted, bench.notes.tally.done) == (2, False)


async def test_an_empty_file_is_done(folder: Path) -> None:
    bench = Bench(Held(), folder)
    assert await bench.run() == Tally(done=True)
    assert bench.door.calls == []
