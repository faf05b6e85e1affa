"""The built-in roles, as app/access.py has them."""

from __future__ import annotations

from app.access import BEYOND_DATABASES, BUILT_IN, Permission
from docs.generator.markdown import code, table


def roles() -> str:
    """A row for each permission, a column for each built-in role; what a token limited to databases never has is marked."""
    return table(("permission", *BUILT_IN), [_row(each) for each in Permission])


def _row(permission: Permission) -> list[str]:
    mark = " ¹" if permission in BEYOND_DATABASES else ""
    return [code(permission) + mark, *("yes" if permission in role.permissions else "" for role in BUILT_IN.values())]
