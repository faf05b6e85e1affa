"""How far an import has come, in a small file that lines are added to: what was last written whole counts, however the process ended."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, replace
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
    `sent`: whether anything was sent: until it is done, some of it may be stored that is not counted here.
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
    sent: bool = False

    @property
    def records(self) -> int:
        return self.inserted + self.replaced + self.skipped + self.rejected

    @property
    def is_blank(self) -> bool:
        """Whether it is certain that nothing was imported: whatever was wrong, another import can take its place."""
        return self.records == self.rejected and (self.done or not self.sent)


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

    def sending(self) -> None:
        """From now on something may be stored that is not counted yet."""
        self.tally = replace(self.tally, sent=True)

    def __exit__(self, *_: object) -> None:
        return None


class Checkpoint(Notes):
    """The same in a file, held by one process at a time: a second run goes on from there. Raises CommandFailed.

    One of an import that came to nothing is of no use to a second run, and is removed.
    """

    def __init__(self, path: Path, what: Mapping[str, Any], *, restart: bool) -> None:
        super().__init__()
        self._path = path
        self._file = _locked(path)
        self._written = 0.0
        try:
            kept = self._kept()
            if kept is None or restart or self._gives_way(*kept, what):
                self._begin(what)
            else:
                self._go_on(*kept)
        except CommandFailed:
            self._file.close()
            raise

    def note(self, tally: Tally) -> None:
        """From now on, or before long, a second run goes on from here."""
        self.tally = tally
        if time.monotonic() - self._written > EVERY_SECONDS:
            self._append(asdict(tally))
            self._written = time.monotonic()

    def sending(self) -> None:
        if not self.tally.sent:
            super().sending()
            self._append(asdict(self.tally))

    def __exit__(self, *_: object) -> None:
        if self.tally == Tally():
            with suppress(OSError):  # it may stay, too: another import can take its place
                self._path.unlink()
        else:
            self._append(asdict(self.tally))
        self._file.close()

    def _kept(self) -> tuple[dict[str, Any], Tally] | None:
        """How the import was begun, and how far it has come; None: the file is new. A line that was not finished does not count."""
        content = self._file.read()
        kept = _parsed(self._path, content)
        if kept is not None:
            self._file.truncate(content.rfind(b"\n") + 1)
        return kept

    def _begin(self, what: Mapping[str, Any]) -> None:
        self._file.truncate(0)
        self._append({MARK: VERSION, "seed": str(self.keys.seed), "begun": time.time(), **what})

    def _gives_way(self, head: Mapping[str, Any], tally: Tally, what: Mapping[str, Any]) -> bool:
        """Whether it is of another import, which came to nothing. With other keys or other batches a record could be there twice."""
        other = [name for name, value in what.items() if head.get(name) != value]
        if other and not tally.is_blank:
            raise _of_another(self._path, other[0])
        return bool(other)

    def _go_on(self, head: Mapping[str, Any], tally: Tally) -> None:
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


def check_new(path: Path, *, restart: bool) -> None:
    """For a target that is made when this has passed. Raises CommandFailed for a file that a Checkpoint of it would refuse."""
    if path.is_file():
        kept = _parsed(path, _content(path))
        if kept is not None and not restart and not kept[1].is_blank:
            raise _of_another(path, "target")


def _parsed(path: Path, content: bytes) -> tuple[dict[str, Any], Tally] | None:
    if not content:
        return None
    if not content.startswith(BEGIN):
        raise _strange(path)
    try:
        head, *tallies = [orjson.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]
        return head, Tally(**tallies[-1]) if tallies else Tally()
    except (ValueError, TypeError) as error:
        raise _strange(path) from error


def _strange(path: Path) -> CommandFailed:
    return CommandFailed(f"{path} is no checkpoint of an import by this version: give --checkpoint another place.")


def _of_another(path: Path, name: str) -> CommandFailed:
    return CommandFailed(
        f"{path} is of an import with another {name}: repeat the command as it was, give --checkpoint another place "
        "for this one, or --restart to begin at the first record."
    )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read ({error.strerror}): give --checkpoint another place.") from error


def _locked(path: Path) -> IO[bytes]:
    try:
        file = path.open("a+b")
    except OSError as error:
        message = f"{path} cannot be written ({error.strerror}): give --checkpoint a place for it, or read from standard input."
        raise CommandFailed(message) from error
    if not _is_held(file):
        file.close()
        raise CommandFailed(f"Another process is at this import: it holds {path}.")
    file.seek(0)
    return file


def _is_held(file: IO[bytes]) -> bool:
    """Whether it is this process's alone now, and there: whoever held it before may have removed it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(file.fileno()).st_nlink > 0
