"""Where an export goes: standard output, a pipe or a device, or a file, which appears under its name when it is whole."""

from __future__ import annotations

import bz2
import fcntl
import glob
import gzip
import lzma
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
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
STDOUT: Final = (STDIN, Path("/dev/stdout"))
PART: Final = ".part"


class Sink:
    """A file, or standard output."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_stdout = path in STDOUT
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
                with self._place() as path, PACK.get(self.path.suffix, Path.open)(path, "wb") as file:
                    yield file
        except OSError as error:
            raise CommandFailed(f"{self.name} cannot be written ({error.strerror or error}).") from error

    @contextmanager
    def _place(self) -> Iterator[Path]:
        """What is written to: a file beside the one that is meant, or what is no file itself, which must stay what it is."""
        meant = Path(os.path.realpath(self.path))
        if meant.is_symlink() or (self.path.exists() and not self.path.is_file()):  # a link in a circle leads nowhere
            yield self.path
        else:
            with _whole(meant) as part:
                yield part


@contextmanager
def _whole(meant: Path) -> Iterator[Path]:
    """A file beside the one that is meant, which it takes the place of in the end. It is locked as long as somebody writes it."""
    _clear(meant)
    part = meant.with_name(f".{meant.name}.{os.getpid()}{PART}")
    with part.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield part
            part.replace(meant)
        finally:
            part.unlink(missing_ok=True)


def _clear(meant: Path) -> None:
    """Remove what exports that were killed have left beside this file."""
    before = f".{meant.name}."
    for part in meant.parent.glob(f"{glob.escape(before)}*{PART}"):
        if part.name[len(before) : -len(PART)].isdigit():
            with suppress(OSError), part.open("rb") as left:  # somebody else's, or still being written: it stays
                fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
