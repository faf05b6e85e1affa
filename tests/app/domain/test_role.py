"""What roles allow, by name: of the organization's own and the built-in ones together."""

from __future__ import annotations

from app.access import Permission
from app.domain import role
from tests.factory import Running
from tests.resolvers.test_role import create


async def test_built_in_roles_and_the_organization_s_own_count_and_unknown_names_give_nothing(running: Running) -> None:
    await create(running.api, "CREATE_DATABASE", "DROP_TABLE")
    organizations = {
        row["name"]: row["id"] for row in await running.sql("select id, name from vectorgate.organization")
    }
    own, both = {Permission.CREATE_DATABASE, Permission.DROP_TABLE}, ["Clerk", "Read-Only User", "Emperor"]
    async with running.gateway.postgres.catalogue.connection() as connection:
        first = organizations["default"]
        assert await role.permissions_of(connection, first, both, limited=False) == own | {Permission.READ_DATA}
        assert await role.permissions_of(connection, first, both, limited=True) == {
            Permission.DROP_TABLE,
            Permission.READ_DATA,
        }
        assert await role.permissions_of(connection, first, [], limited=False) == set()


async def test_a_role_of_another_organization_gives_nothing(running: Running) -> None:
    async with await running.other_organization() as other:
        await create(other, "CREATE_DATABASE")
    [first] = await running.sql("select id from vectorgate.organization where name = 'default'")
    async with running.gateway.postgres.catalogue.connection() as connection:
        assert await role.permissions_of(connection, first["id"], ["Clerk"], limited=False) == set()
