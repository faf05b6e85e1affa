"""What commands print on standard output, which may be closed or full: nobody may believe that it was read."""

from __future__ import annotations

import errno
import os
import sys
from typing import Final

import typer

from app.cli.process import CommandFailed

FAULTS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""Of writing to what is open already."""


def check() -> None:
    """For commands that exist for what they print. Raises CommandFailed where it would be lost."""
    if sys.stdout is None:
        raise CommandFailed("Standard output is closed, and what this command prints would be lost: nothing was done.")


def secret(text: str, otherwise: str) -> None:
    """Print what is not shown again. Raises CommandFailed where it cannot be, with what to do then."""
    try:
        typer.echo(text)
    except OSError as error:
        abandon()
        raise CommandFailed(f"{_told(error)} {otherwise}") from error


def fault(error: OSError) -> str | None:
    """What to tell of an error, if it is one of standard output."""
    if error.errno not in FAULTS or error.filename is not None:
        return None
    abandon()
    return _told(error)


def abandon() -> None:
    """What could not be written is not written at the end either, where Python would try again, and fail with a traceback."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _told(error: OSError) -> str:
    return f"Standard output cannot be written ({error.strerror})."
