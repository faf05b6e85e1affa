"""The file that is read, or standard input: opened, unpacked, measured, and known again when it is read a second time."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, BinaryIO, Final, TypeVar, cast

from app.cli.process import CommandFailed

STDIN: Final = Path("-")
AHEAD_BYTES: Final = 1024 * 1024
END_BYTES: Final = 64 * 1024
"""Of each end of a file, by which it is known again."""

Unpack = Callable[[BinaryIO], IO[bytes]]
UNPACK: Final[Mapping[str, Unpack]] = {
    ".gz": cast("Unpack", gzip.open),
    ".bz2": cast("Unpack", bz2.open),
    ".xz": cast("Unpack", lzma.open),
}
DAMAGED: Final = (OSError, EOFError, lzma.LZMAError)

T = TypeVar("T")


class Source:
    """A file, or standard input, that is read once from its beginning to its end. Raises CommandFailed for one that cannot be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_stdin = path == STDIN
        self.name = "standard input" if self.is_stdin else str(path)
        self._raw: BinaryIO | None = None
        self._read = 0
        self.size = None if self.is_stdin else self._size()

    @property
    def suffix(self) -> str:
        """What tells the format: the last suffix but that of a compression."""
        return (self.path.with_suffix("") if self.is_packed else self.path).suffix.lower()

    @property
    def is_packed(self) -> bool:
        return self.path.suffix in UNPACK

    @property
    def position(self) -> int:
        """How many bytes of the file have been read, packed as they are; 0 of standard input. For the thread that reads."""
        return self._read if self._raw is None else self._raw.tell()

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Its bytes, unpacked."""
        if self.is_stdin:
            with open(0, "rb", buffering=AHEAD_BYTES, closefd=False) as file:
                yield file
            return
        with ExitStack() as stack:
            self._raw = stack.enter_context(self.path.open("rb", buffering=AHEAD_BYTES))
            stack.callback(self._closed)
            yield stack.enter_context(UNPACK[self.path.suffix](self._raw)) if self.is_packed else self._raw

    def told(self, read: Iterable[T]) -> Iterator[T]:
        """What is read of it; where it cannot be read to its end, that is told."""
        try:
            yield from read
        except DAMAGED as error:
            raise CommandFailed(f"{self.name} cannot be read to its end ({error}).") from error

    def fingerprint(self) -> str:
        """By what a file is known again: its size and its two ends."""
        with self.path.open("rb") as file:
            ends = hashlib.sha256(file.read(END_BYTES))
            file.seek(max((self.size or 0) - END_BYTES, 0))
            ends.update(file.read(END_BYTES))
        return f"{self.size}:{ends.hexdigest()}"

    def _closed(self) -> None:
        """It is closed at its end, or when nobody asks any more."""
        self._read, self._raw = self.size or 0, None

    def _size(self) -> int:
        try:
            with self.path.open("rb"):
                return self.path.stat().st_size
        except OSError as error:
            raise CommandFailed(f"{self.path} cannot be read ({error.strerror}).") from error
