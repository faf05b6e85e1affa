"""Who may do what: permissions and roles as data, and the actor that every verb is handed. No lookups happen here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
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


def permissions_of(roles: list[str], *, limited: bool) -> frozenset[Permission]:
    """What the roles allow together; `limited`: to a token that sees certain databases only."""
    granted: frozenset[Permission] = frozenset().union(
        *(BUILT_IN[name].permissions for name in roles if name in BUILT_IN)
    )
    return granted - BEYOND_DATABASES if limited else granted


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: one access token in one organization, for the time of one request."""

    organization_id: UUID
    token_id: UUID
    token_name: str
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
        return cls(organization_id, UUID(int=0), "vectorgate", [], EVERYTHING)

    def may(self, permission: Permission) -> bool:
        """Whether the token's roles allow this."""
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raises PermissionDenied. Call it after what is meant was found: what may not be seen does not exist."""
        if permission not in self.permissions:
            raise PermissionDenied(
                f"This needs the permission {permission.value}, which the roles of access token {self.token_name!r} do not give. "
                "Ask an administrator for a token whose role has it.",
                permission=permission.value,
            )
