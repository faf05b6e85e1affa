"""The file of rejected records: one JSON object a line, which says why and holds the record, and can be imported when it is mended."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from app.cli.process import CommandFailed
from app.cli.transfer.jsonl import ORIGINAL, REJECTED, written
from app.cli.transfer.line import Rejected

END_BYTES: Final = 16 * 1024
"""Of what counts, by which it is known again."""
BEGIN: Final = b'{"' + REJECTED.encode() + b'"'
"""How a file of rejected records begins, and no other."""


class Rejects(AbstractContextManager["Rejects"]):
    """The file, made with the first record that is rejected. Raises CommandFailed."""

    def __init__(self, path: Path, begin: int, mark: str = "") -> None:
        """`begin`: how many bytes of it count; what follows was written by a run that was broken off, and is written again.

        `mark`: that of these bytes, if it is known. A file that was mended since is left alone; one that was moved away begins anew.
        Where nothing counts, the file stays as it is until a record is rejected; one that is something else stays as it is.
        """
        self.path = path
        self.codes: set[str] = set()
        """Of what was rejected by this run."""
        self._file: IO[bytes] | None = None
        self._is_settled = True
        with _told(self.path):
            size = path.stat().st_size if path.exists() else 0
            self.size = begin if size else 0
            self._end = self._read_end()
            if size < self.size or (self.size and mark not in ("", self.mark)):
                raise CommandFailed(f"{path} was changed since: move it, or give --rejected another place.")
            if size > self.size > 0:
                self._opened()
        if not self.size:
            check(path)

    @property
    def mark(self) -> str:
        """By what the bytes that were written are known again; empty where there are none."""
        return hashlib.sha256(self._end).hexdigest() if self.size else ""

    def add(self, rejected: Iterable[Rejected]) -> None:
        """Write them, in the order of their lines."""
        for each in sorted(rejected, key=lambda each: each.number):
            self.codes.add(each.code)
            told = {"line": each.number, "code": each.code, "message": each.message}
            self._write(written({REJECTED: told, ORIGINAL: each.original}))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._file is None:
            return
        # What cannot be written was told already where something ended it.
        with _told(self.path) if kind is None else suppress(OSError):
            self._file.close()

    def flush(self) -> None:
        """What was added outlasts the machine from now on, as a note that counts it does."""
        if self._file is None or self._is_settled:
            return
        with _told(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
        self._is_settled = True

    def _write(self, line: bytes) -> None:
        with _told(self.path):
            self._opened().write(line)
        self.size += len(line)
        self._end = (self._end + line[-END_BYTES:])[-END_BYTES:]
        self._is_settled = False

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            self._file = self.path.open("ab")
            if os.fstat(self._file.fileno()).st_size > self.size:
                self._file.truncate(self.size)
        return self._file

    def _read_end(self) -> bytes:
        if not self.size:
            return b""
        with self.path.open("rb") as file:
            file.seek(max(self.size - END_BYTES, 0))
            return file.read(min(self.size, END_BYTES))


def check(path: Path) -> None:
    """Raises CommandFailed for a file that holds something else than rejected records: it would be lost."""
    with _told(path):
        if not path.exists() or not path.stat().st_size:
            return
        with path.open("rb") as file:
            is_strange = file.read(len(BEGIN)) != BEGIN
    if is_strange:
        raise CommandFailed(f"{path} is no file of refused records: move it, or give --rejected another place.")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CommandFailed(
            f"{path} cannot be written ({error.strerror or error}): give --rejected another place."
        ) from error
