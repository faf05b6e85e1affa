"""Physical names and SQL text: the only place that puts anything but constants into a statement.

Names come from ids, never from what a user typed; values always travel as parameters.
"""

from __future__ import annotations

from uuid import UUID

REGION_SCHEMA = "vectorgate_region"


class Arguments(list[object]):
    """The parameters of a statement under construction."""

    def put(self, value: object) -> str:
        """Add a value and answer its placeholder."""
        self.append(value)
        return f"${len(self)}"


def quoted(name: str) -> str:
    """An identifier, safe in any statement."""
    return '"' + name.replace('"', '""') + '"'


def schema(database_id: UUID) -> str:
    """The schema of a database in its region."""
    return quoted(f"vg_{database_id.hex}")


def collection_table(database_id: UUID, collection_id: UUID) -> str:
    """The table that holds a collection's documents."""
    return f"{schema(database_id)}.{quoted(f'c_{collection_id.hex}')}"
