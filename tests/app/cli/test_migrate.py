from __future__ import annotations

import json

import asyncpg

from app.store.migration import migrations, pending
from tests.app.cli.support import Call
from tests.factory import NewDatabase

AWAY = "postgresql://127.0.0.1:1/away"


async def test_it_brings_a_new_database_up_to_date_and_then_does_nothing(call: Call, new_database: NewDatabase) -> None:
    settings = {"DATABASE_URL": await new_database(template="template0"), "BOOTSTRAP_TOKEN": ""}
    first, second = [await call("migrate", **settings) for _ in range(2)]
    assert first.code == second.code == 0
    assert first.out == second.out == "Up to date: the catalogue and the regions local.\n"
    assert first.err.startswith("Access token with every permission (it is not shown again): vg_")
    assert second.err == ""
    connection = await asyncpg.connect(settings["DATABASE_URL"])
    assert await pending(connection, "catalogue", "region") == []
    await connection.close()


async def test_a_region_that_is_away_was_not_migrated(call: Call, database_url: str) -> None:
    ended = await call("migrate", REGIONS=json.dumps({"eu": database_url, "us": AWAY}))
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.splitlines()[-1].startswith("vectorgate: The PostgreSQL cluster of region 'us' cannot be reached")


async def test_a_migration_that_was_edited_is_told(call: Call, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("update vectorgate.migration set sha256 = 'edited'")
    await connection.close()
    ended = await call("migrate")
    assert (ended.code, ended.out) == (1, "")
    assert ended.told.startswith(
        f"{migrations('catalogue')[0].name} is not the file that this database was migrated with"
    )
