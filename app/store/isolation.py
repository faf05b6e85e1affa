"""SQL that keeps organizations apart: who statements run as, and for which organization. The policies are in the migrations."""

from __future__ import annotations

from dataclasses import dataclass

from app.postgres import Connection
from app.tenant import SETTING

ROLE = "vectorgate_tenant"
"""PostgreSQL holds no policy against superusers: a superuser's statements run as this role instead, which nobody can log in as."""

_ENTER = "select set_config($1, $2, false)"
_LOGIN = "select rolsuper, rolbypassrls from pg_catalog.pg_roles where rolname = session_user"
_IS_READY = """
    select case when to_regrole($1) is null then false else
        not pg_has_role($1, session_user, 'member') and pg_has_role($1, 'pg_read_all_stats', 'member')
        and has_database_privilege($1, current_database(), 'create')
        and not exists (
            select from pg_catalog.pg_class
            where relnamespace = any(array[to_regnamespace('vectorgate'), to_regnamespace('vectorgate_region')])
                and relkind = 'r' and not has_table_privilege($1, oid, 'select')) end"""

# Roles belong to the whole server: the lock keeps processes that start on its other databases from making the same one.
# A member of a superuser's role owns what that owns, and so could lift every lock: this one is none (any more). It owns what it
# makes, the schemas of databases, and may do with our own tables what statements need. Statistics: whether an index is
# being built is shown to members of that role only.
_MAKE_ROLE = f"""
    do $$
    declare
        ours text;
    begin
        lock table pg_catalog.pg_authid in share row exclusive mode;
        if to_regrole('{ROLE}') is null then
            create role {ROLE} nologin;
        end if;
        if pg_has_role('{ROLE}', session_user, 'member') then
            execute format('revoke %I from {ROLE}', session_user);
        end if;
        grant pg_read_all_stats to {ROLE};
        grant usage on schema public to {ROLE};
        execute format('grant create on database %I to {ROLE}', current_database());
        for ours in select nspname from pg_catalog.pg_namespace where nspname in ('vectorgate', 'vectorgate_region') loop
            execute format('grant usage on schema %I to {ROLE}', ours);
            execute format('grant select, insert, update, delete on all tables in schema %I to {ROLE}', ours);
        end loop;
        revoke insert, update, delete on vectorgate.migration from {ROLE};
        if to_regclass('vectorgate.audit_event') is not null then
            revoke update, delete on vectorgate.audit_event from {ROLE};
        end if;
        if to_regclass('vectorgate_region.audit_outbox') is not null then
            revoke update on vectorgate_region.audit_outbox from {ROLE};
        end if;
        for ours in
            select format('schema %I', nspname) from pg_catalog.pg_namespace
            where nspname ~ '^vg_[0-9a-f]{{32}}$' and nspowner <> to_regrole('{ROLE}')
            union all
            select format('table %s', c.oid::regclass) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = relnamespace
            where nspname ~ '^vg_[0-9a-f]{{32}}$' and relkind = 'r' and relowner <> to_regrole('{ROLE}')
        loop
            execute format('alter %s owner to {ROLE}', ours);
        end loop;
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
    """Make `ROLE`, with what statements need of this login's, a superuser's, and no more. Doing it again changes nothing."""
    if not await connection.fetchval(_IS_READY, ROLE):
        await connection.execute(_MAKE_ROLE)
