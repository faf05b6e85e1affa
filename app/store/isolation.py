"""SQL that keeps organizations apart: who statements run as, and for which organization. The policies are in the migrations."""

from __future__ import annotations

from dataclasses import dataclass

from app.postgres import Connection
from app.tenant import SETTING

ROLE = "vectorgate_tenant"
"""PostgreSQL holds no policy against superusers: a superuser's statements run as this role instead, which nobody can log in as."""

_ENTER = "select set_config($1, $2, false)"
_LOGIN = "select rolsuper, rolbypassrls from pg_catalog.pg_roles where rolname = session_user"
_MEMBER = """
    select 1 from pg_catalog.pg_auth_members
    where roleid = to_regrole(quote_ident(session_user)) and member = to_regrole($1)"""

# Roles belong to the whole server: the lock keeps processes that start on its other databases from making the same one.
# The role inherits what the superuser owns, but not its attributes: it may do all that we do, and policies bind it.
_MAKE_ROLE = f"""
    do $$ begin
        lock table pg_catalog.pg_authid in share row exclusive mode;
        if to_regrole('{ROLE}') is null then
            create role {ROLE} nologin;
        end if;
        execute format('grant %I to {ROLE}', session_user);
    end $$"""


@dataclass(frozen=True, slots=True)
class Login:
    """The role that the gateway logs in as, as far as policies are concerned."""

    superuser: bool
    bypasses: bool


async def enter(connection: Connection, tenant: str) -> None:
    """From now on this connection sees the rows of that tenant only (see app/tenant.py)."""
    await connection.fetchval(_ENTER, SETTING, tenant)


async def login(connection: Connection) -> Login:
    row = await connection.fetchrow(_LOGIN)
    assert row is not None  # noqa: S101 - whoever is connected has logged in as somebody
    return Login(row["rolsuper"], row["rolbypassrls"])


async def make_role(connection: Connection) -> None:
    """Make `ROLE`, with all that this login, a superuser, owns. Doing it again changes nothing."""
    if not await connection.fetchval(_MEMBER, ROLE):
        await connection.execute(_MAKE_ROLE)
