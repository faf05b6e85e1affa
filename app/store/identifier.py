"""Physical names and SQL text: the only place that puts anything but constants into a statement.

Names come from ids, never from what a user typed; values always travel as parameters.
"""

from __future__ import annotations

from typing import NewType
from uuid import UUID

REGION_SCHEMA = "vectorgate_region"

Statement = NewType("Statement", str)
"""A statement that was put together as this floor does it, so that it may stand in another one."""


class Arguments(list[object]):
    """The parameters of a statement under construction."""

    def __init__(self, *values: object) -> None:
        super().__init__(values)
        self._texts: dict[str, str] = {}

    def put(self, value: object) -> str:
        """Add a value and answer its placeholder."""
        self.append(value)
        return f"${len(self)}"

    def text(self, value: str) -> str:
        """The placeholder of a text; equal ones share it, because a statement can have 32,767."""
        if value not in self._texts:
            self._texts[value] = f"{self.put(value)}::text"
        return self._texts[value]


def quoted(name: str) -> str:
    """An identifier, safe in any statement."""
    return '"' + name.replace('"', '""') + '"'


def schema_name(database_id: UUID) -> str:
    """The name of a database's schema in its region, as a value."""
    return f"vg_{database_id.hex}"


def schema(database_id: UUID) -> str:
    """The schema of a database in its region."""
    return quoted(schema_name(database_id))


def collection_table(database_id: UUID, collection_id: UUID) -> str:
    """The table that holds a collection's documents."""
    return f"{schema(database_id)}.{quoted(f'c_{collection_id.hex}')}"


def capture_trigger(job_id: UUID, event: str) -> str:
    """The trigger of a collection's table that notes one kind of change for a job; `event` is one word."""
    return quoted(f"j_{job_id.hex}_{event}")


def capture_arguments(job_id: UUID, lock: int) -> str:
    """What such a trigger is called with."""
    return f"'{job_id}', '{lock:d}'"


def collection_index_name(collection_id: UUID, purpose: str) -> str:
    """The name of an index of a collection's table, as a value; `purpose` is one word."""
    return f"c_{collection_id.hex}_{purpose}"


def collection_index(collection_id: UUID, purpose: str) -> str:
    """The name of an index of a collection's table; `purpose` is one word."""
    return quoted(collection_index_name(collection_id, purpose))


def row_table(database_id: UUID, table_id: UUID) -> str:
    """The table that holds a table's rows."""
    return f"{schema(database_id)}.{quoted(f't_{table_id.hex}')}"


def row_index(table_id: UUID, purpose: str) -> str:
    """The name of an index of a table's own; `purpose` is one word."""
    return quoted(f"t_{table_id.hex}_{purpose}")


def column_name(column_id: UUID) -> str:
    """The name of a table's column, as a value."""
    return f"c_{column_id.hex}"


def column(column_id: UUID) -> str:
    """A column of a table: it keeps its name in the region when it gets another in the catalogue."""
    return quoted(column_name(column_id))


def vector_index_name(column_id: UUID) -> str:
    """The name of a vector column's index, as a value."""
    return f"i_{column_id.hex}"
