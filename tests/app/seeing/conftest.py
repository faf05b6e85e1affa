"""The command in a process of its own, as the tests of the command line start it."""

from __future__ import annotations

from tests.app.cli.conftest import start

__all__ = ["start"]
