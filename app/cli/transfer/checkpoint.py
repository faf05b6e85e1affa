"""How far an import has come, in a small file that lines are added to: what was last written whole counts, however the process ended."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final
from uuid import UUID

import orjson

from app.cli.process import CommandFailed
from app.store.record import new_id

VERSION: Final = 1
MARK: Final = "vectorgate_import"
BEGIN: Final = b'{"' + MARK.encode()
REMEMBERED_SECONDS: Final = 24 * 3600
"""So long a gateway answers a batch that is sent again as it did the first time."""
EVERY_SECONDS: Final = 0.5
"""Between notes: what was sent since the last one is sent again after a kill, and answered as it was then."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What has become of the lines up to `line`; `rejected_bytes`: how long the file of rejected records is by then.

    `rejected_mark`: by what these bytes are known again; `at`: when that was, in seconds since 1970. Empty and 0: not known.
    """

    line: int = 0
    inserted: int = 0
    replaced: int = 0
    skipped: int = 0
    rejected: int = 0
    rejected_bytes: int = 0
    rejected_mark: str = ""
    at: float = 0
    done: bool = False

    @property
    def records(self) -> int:
        return self.inserted + self.replaced + self.skipped + self.rejected


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys for the records of one import that have none: UUIDs of version 7 in the order of the lines, the same at every run."""

    seed: UUID

    def of(self, number: int) -> str:
        """The time and the last bits are the import's; in between stands the line."""
        seed = self.seed.int
        counter = (number >> 30 & 0xFFF) << 64 | (number & 0x3FFFFFFF) << 32
        kept = seed & ~(0xFFF << 64 | 0x3FFFFFFF << 32)
        return str(UUID(int=kept | counter))


class Notes(AbstractContextManager["Notes"]):
    """What is known of an import: kept nowhere, for what cannot be read a second time."""

    def __init__(self) -> None:
        self.keys, self.tally = Keys(new_id()), Tally()
        self.is_stale = False
        """Whether it goes on so late that what was under way is not remembered."""

    def note(self, tally: Tally) -> None:
        """This is how far it has come."""
        self.tally = tally

    def __exit__(self, *_: object) -> None:
        return None


class Checkpoint(Notes):
    """The same in a file, held by one process at a time: a second run goes on from there. Raises CommandFailed."""

    def __init__(self, path: Path, what: Mapping[str, Any], *, restart: bool) -> None:
        super().__init__()
        self._path = path
        self._file = _locked(path)
        self._written = 0.0
        try:
            kept = self._kept()
            if kept is None or restart:
                self._begin(what)
            else:
                self._go_on(*kept, what)
        except CommandFailed:
            self._file.close()
            raise

    def note(self, tally: Tally) -> None:
        """From now on, or before long, a second run goes on from here."""
        self.tally = tally
        if time.monotonic() - self._written > EVERY_SECONDS:
            self._append(asdict(tally))
            self._written = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._append(asdict(self.tally))
        self._file.close()

    def _kept(self) -> tuple[dict[str, Any], Tally] | None:
        """How the import was begun, and how far it has come; None: the file is new. A line that was not finished does not count."""
        content = self._file.read()
        if not content:
            return None
        if not content.startswith(BEGIN):
            raise self._strange()
        whole = content.rfind(b"\n") + 1
        self._file.truncate(whole)
        try:
            head, *tallies = [orjson.loads(line) for line in content[:whole].splitlines()]
            return head, Tally(**tallies[-1]) if tallies else Tally()
        except (ValueError, TypeError) as error:
            raise self._strange() from error

    def _strange(self) -> CommandFailed:
        return CommandFailed(
            f"{self._path} is no checkpoint of an import by this version: give --checkpoint another place."
        )

    def _begin(self, what: Mapping[str, Any]) -> None:
        self._file.truncate(0)
        self._append({MARK: VERSION, "seed": str(self.keys.seed), "begun": time.time(), **what})

    def _go_on(self, head: Mapping[str, Any], tally: Tally, what: Mapping[str, Any]) -> None:
        """As it was begun: with other keys or other batches a record could be there twice."""
        for name, value in what.items():
            if head.get(name) != value:
                raise CommandFailed(
                    f"{self._path} is of an import with another {name}: repeat the command as it was, give --checkpoint another place "
                    "for this one, or --restart to begin at the first record."
                )
        self.keys, self.tally = Keys(UUID(head["seed"])), tally
        last = tally.at or head.get("begun")
        self.is_stale = last is not None and time.time() - last > REMEMBERED_SECONDS

    def _append(self, line: Mapping[str, Any]) -> None:
        try:
            self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise CommandFailed(f"{self._path} cannot be written ({error.strerror}).") from error


def no_key(_: int) -> None:
    """For records that have keys of their own, or get them elsewhere."""


def _locked(path: Path) -> IO[bytes]:
    try:
        file = path.open("a+b")
    except OSError as error:
        message = f"{path} cannot be written ({error.strerror}): give --checkpoint a place for it, or read from standard input."
        raise CommandFailed(message) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise CommandFailed(f"Another process is at this import: it holds {path}.") from error
    file.seek(0)
    return file
