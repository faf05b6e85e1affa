"""Who may do what: permissions and roles as data, and the actor that every verb is handed. No lookups happen here."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Self
from uuid import UUID

from app.errors import PermissionDenied


class Permission(StrEnum):
    """One thing that a role may allow."""

    WRITE_INTEGRATIONS = "WRITE_INTEGRATIONS"
    CREATE_DATABASE = "CREATE_DATABASE"
    DROP_DATABASE = "DROP_DATABASE"
    CREATE_COLLECTION = "CREATE_COLLECTION"
    DROP_COLLECTION = "DROP_COLLECTION"
    CREATE_TABLE = "CREATE_TABLE"
    ALTER_TABLE = "ALTER_TABLE"
    DROP_TABLE = "DROP_TABLE"
    CREATE_INDEX = "CREATE_INDEX"
    READ_DATA = "READ_DATA"
    WRITE_DATA = "WRITE_DATA"
    MANAGE_ACCESS = "MANAGE_ACCESS"


EVERYTHING = frozenset(Permission)

SUBJECT_MARK = "oidc:"
"""Before the subjects of the identity provider, wherever they stand beside the names of access tokens."""

SYSTEM, OPERATOR = "vectorgate", "operator"
"""What the audit log calls the gateway itself, and whoever runs its commands; no access token is called so."""

COMBINATIONS = 1024
"""Of roles and permissions, whose sum is remembered: each request needs one, and it follows from these names alone."""

BEYOND_DATABASES = frozenset({Permission.CREATE_DATABASE, Permission.MANAGE_ACCESS, Permission.WRITE_INTEGRATIONS})
"""What a token limited to databases never has: these reach over all of the organization."""


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of permissions."""

    name: str
    permissions: frozenset[Permission]
    description: str


BUILT_IN = {
    role.name: role
    for role in (
        Role("Organization Administrator", EVERYTHING, "Everything in the organization, its access tokens included."),
        Role(
            "Database Administrator",
            EVERYTHING - {Permission.WRITE_INTEGRATIONS, Permission.MANAGE_ACCESS},
            "Databases, collections, tables, indexes and data; neither credentials nor access.",
        ),
        Role(
            "Read/Write User",
            frozenset({Permission.READ_DATA, Permission.WRITE_DATA}),
            "Reads, searches and writes data.",
        ),
        Role("Read-Only User", frozenset({Permission.READ_DATA}), "Reads and searches data."),
    )
}


def permissions_of(roles: Iterable[str], custom: Iterable[str] = (), *, limited: bool) -> frozenset[Permission]:
    """What roles allow together, by their names; a name that is not built in gives nothing by itself.

    `custom`: names of the permissions of those among them that the organization has made; one that this version does not
    know is passed over. `limited`: to a token that sees certain databases only.
    """
    return _permissions(tuple(roles), tuple(custom), limited)


@lru_cache(COMBINATIONS)
def _permissions(roles: tuple[str, ...], custom: tuple[str, ...], limited: bool) -> frozenset[Permission]:  # noqa: FBT001 - a key of the cache
    built_in = (BUILT_IN[name].permissions for name in roles if name in BUILT_IN)
    granted = known(custom).union(*built_in)
    return granted - BEYOND_DATABASES if limited else granted


def known(names: Iterable[str]) -> frozenset[Permission]:
    """The permissions of these names, without names that this version does not know: a replica may be older than a role."""
    given = set(names)
    return frozenset(each for each in Permission if each.value in given)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: one token in one organization, for the time of one request."""

    organization_id: UUID
    token_id: UUID
    token_name: str | None
    """None: `subject` asks with a token of the identity provider."""
    roles: list[str]
    permissions: frozenset[Permission]
    databases: list[UUID] | None = None
    """The only databases that this token sees; None: all of the organization's."""
    request_id: str = ""
    address: str = ""
    subject: str = field(default="")

    @classmethod
    def system(cls, organization_id: UUID) -> Self:
        """The gateway itself, at work in an organization: who started a job was asked for permission then."""
        return cls(organization_id, UUID(int=0), SYSTEM, [], EVERYTHING)

    @classmethod
    def operator(cls, organization_id: UUID) -> Self:
        """Whoever may run the gateway's commands: there is nobody to ask for permission."""
        return cls(organization_id, UUID(int=0), OPERATOR, [], EVERYTHING)

    @property
    def identifier(self) -> UUID | None:
        """Tells it from others of its name, before and after it; None: the gateway itself, or its operator."""
        return self.token_id if self.token_id.int else None

    @property
    def name(self) -> str:
        """As the audit log has it; no access token can be named like a subject of the identity provider."""
        return f"{SUBJECT_MARK}{self.subject}" if self.token_name is None else self.token_name

    @property
    def sight(self) -> tuple[UUID, bytes | None]:
        """What it sees, to tell it apart: two actors with the same see the same rows."""
        return self.organization_id, None if self.databases is None else b"".join(each.bytes for each in self.databases)

    def may(self, permission: Permission) -> bool:
        """Whether the token's roles allow this."""
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raises PermissionDenied. Call it after what is meant was found: what may not be seen does not exist."""
        if permission not in self.permissions:
            raise PermissionDenied(
                f"This needs the permission {permission.value}, which the roles of {self.name!r} do not give. "
                "Ask an administrator for a role that has it.",
                permission=permission.value,
            )

    def require_all(self, permissions: Collection[Permission], given: str) -> None:
        """For what a token gives away: `tokens`, `roles`. Raises PermissionDenied naming all that it has not itself."""
        lacking = [each for each in Permission if each in permissions and each not in self.permissions]
        if lacking:
            names = ", ".join(lacking)
            raise PermissionDenied(
                f"A token makes only {given} that may no more than itself; it lacks: {names}.", permission=names
            )
