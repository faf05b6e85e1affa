"""Standard output that is closed, full or gone: told in one line, and nothing that is shown only once is lost unseen."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.app.cli.conftest import _environment, on
from tests.app.cli.support import ROOT, Ended, Vectorgate
from tests.factory import Running

Into = Callable[..., Awaitable[Ended]]
TOKENS = "select count(*) from vectorgate.access_token"
FULL = "> /dev/full"
CLOSED = ">&-"
GONE = "| true"
"""Where the shell says that standard output goes."""
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")


@pytest.fixture
def into(database_url: str) -> Into:
    """Runs `vectorgate …` with its standard output somewhere else."""

    async def command(where: str, *arguments: str) -> Ended:
        script = (
            f'"$0" -m app "$@" {where}' if where != GONE else '{ sleep 0.2; "$0" -m app "$@"; echo $? >&2; } | true'
        )
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", script, sys.executable, *arguments,
            cwd=ROOT, env=_environment(on(database_url)), stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True,
        )  # fmt: skip
        return await Vectorgate(process).ended()

    return command


@needs_full
@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("schema",), ("schema", "--help")], ids=" ".join)
async def test_a_full_disk_is_one_line(into: Into, arguments: tuple[str, ...]) -> None:
    ended = await into(FULL, *arguments)
    assert (ended.code, ended.told) == (1, "Standard output cannot be written (No space left on device).")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("schema",),
        ("token", "create", "--name", "lost"),
        ("organization", "create", "Lost"),
        ("export", "--collection", "library.books"),
    ],
    ids=" ".join,
)
async def test_where_it_is_closed_nothing_is_done(into: Into, running: Running, arguments: tuple[str, ...]) -> None:
    before = await running.sql(TOKENS)
    ended = await into(CLOSED, *arguments)
    assert ended.code == 1
    assert ended.told.startswith("Standard output is closed, and what this command prints would be lost")
    assert await running.sql(TOKENS) == before


@needs_full
async def test_a_secret_that_cannot_be_printed_is_told_to_be_lost_and_what_to_do(into: Into) -> None:
    full = "Standard output cannot be written (No space left on device)."
    token = await into(FULL, "token", "create", "--name", "reader")
    assert (token.code, token.told) == (
        1,
        f"{full} The token 'reader' was made, and its secret is lost: revoke it with revokeAccessToken, and make another.",
    )
    made = await into(FULL, "organization", "create", "Acme")
    assert made.code == 1
    assert made.told.startswith(f"{full} The organization 'Acme' was made, and its token's secret is lost")
    advised = made.told.split("`")[1]
    assert advised.startswith(
        "vectorgate token create --name NAME --role 'Organization Administrator' --organization 'Acme'"
    )


async def test_a_secret_that_nobody_reads_any_more_is_told_to_be_lost(into: Into) -> None:
    ended = await into(GONE, "token", "create", "--name", "reader")
    told, code = ended.err.splitlines()
    assert code == "1"
    assert told.startswith("vectorgate: Standard output cannot be written (Broken pipe). The token 'reader' was made")
