"""Where an export goes: standard output, or a file that appears under its name when it is whole."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, cast

from app.cli.process import CommandFailed
from app.cli.transfer.source import STDIN

Pack = Callable[[Path, str], IO[bytes]]
PACK: Final[Mapping[str, Pack]] = {
    ".gz": cast("Pack", gzip.open),
    ".bz2": cast("Pack", bz2.open),
    ".xz": cast("Pack", lzma.open),
}


class Sink:
    """A file, or standard output."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_stdout = path == STDIN
        self.name = "standard output" if self.is_stdout else str(path)

    @property
    def is_packed(self) -> bool:
        return self.path.suffix in PACK

    @property
    def suffix(self) -> str:
        """What tells the format: the last suffix but that of a compression."""
        return (self.path.with_suffix("") if self.is_packed else self.path).suffix.lower()

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """To be written to. What is left in the middle leaves no file. Raises CommandFailed where it cannot be written."""
        try:
            if self.is_stdout:
                with open(1, "wb", closefd=False) as file:
                    yield file
            else:
                with self._whole() as path, PACK.get(self.path.suffix, Path.open)(path, "wb") as file:
                    yield file
        except OSError as error:
            raise CommandFailed(f"{self.name} cannot be written ({error.strerror or error}).") from error

    @contextmanager
    def _whole(self) -> Iterator[Path]:
        """A file beside the one that is meant, which it takes the place of in the end."""
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            yield part
            part.replace(self.path)
        finally:
            part.unlink(missing_ok=True)
