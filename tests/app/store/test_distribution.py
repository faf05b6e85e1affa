"""Where a cluster can spread tables over nodes, new ones are spread by their key; a function stands for the extension here."""

from __future__ import annotations

import pytest

from app.postgres import Connection
from app.store.distribution import distribute
from tests.app.store.support import make_collection, undone

STAND_IN = """
create schema if not exists stand_in;
set local search_path = stand_in, public, pg_catalog;
create table pg_extension (extname text);
create table pg_dist_partition (logicalrelid regclass);
create function create_distributed_table(name text, by text, colocate_with text) returns void language sql as
    'insert into stand_in.pg_dist_partition select name::regclass; insert into stand_in.pg_extension select by'"""


async def test_a_cluster_without_the_extension_keeps_its_tables_whole(connection: Connection) -> None:
    await distribute(connection, "vectorgate_region.usage", "organization_id")
    await make_collection(connection, 3)


@pytest.mark.parametrize("has_extension", [True, False])
async def test_a_new_table_is_spread_once_by_its_key_where_the_extension_is(
    connection: Connection, *, has_extension: bool
) -> None:
    async with undone(connection):
        await connection.execute(STAND_IN)
        if has_extension:
            await connection.execute("insert into pg_extension values ('citus')")
        for _ in range(2):
            await distribute(connection, "vectorgate_region.usage", "organization_id")
        assert await connection.fetchval("select count(*) from pg_dist_partition") == has_extension
        by = await connection.fetch("select extname from pg_extension where extname <> 'citus'")
        assert [row["extname"] for row in by] == ["organization_id"] * has_extension
