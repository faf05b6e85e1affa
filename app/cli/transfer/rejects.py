"""The file of rejected records: one JSON object a line, which says why and holds the record, and can be imported when it is mended."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

from app.cli.process import CommandFailed
from app.cli.transfer.jsonl import ORIGINAL, REJECTED, written
from app.cli.transfer.line import Rejected


class Rejects(AbstractContextManager["Rejects"]):
    """The file, made with the first record that is rejected. Raises CommandFailed."""

    def __init__(self, path: Path, begin: int) -> None:
        """`begin`: how many bytes of it count; what follows was written by a run that was broken off, and is written again."""
        self.path = path
        self._begin = begin
        self._file: IO[bytes] | None = None
        self.size = begin
        if path.exists() and path.stat().st_size > begin:
            self._opened()

    def add(self, rejected: Iterable[Rejected]) -> None:
        """Write them, in the order of their lines."""
        for each in sorted(rejected, key=lambda each: each.number):
            told = {"line": each.number, "code": each.code, "message": each.message}
            self._write(written({REJECTED: told, ORIGINAL: each.original}))

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()

    def _write(self, line: bytes) -> None:
        try:
            self._opened().write(line)
        except OSError as error:
            raise CommandFailed(f"{self.path} cannot be written ({error.strerror}).") from error
        self.size += len(line)

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            try:
                self._file = self.path.open("ab")
                self._file.truncate(self._begin)
            except OSError as error:
                raise CommandFailed(
                    f"{self.path} cannot be written ({error.strerror}): give --rejected another place."
                ) from error
        return self._file
