"""SQL of updates: dotted paths become one expression over the stored body, so that no row is read, changed and written back.

Expressions are about a row named `document`, as it is before the update.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from app.errors import BadInput
from app.postgres import Connection, Row
from app.store.document import Touched, table, touched
from app.store.dropped import dropped_is_not_found
from app.store.filter import document_filter
from app.store.identifier import Arguments
from app.store.path import is_index, reached
from app.store.record import Collection, Vector

BODY = "document.body"
LONGEST_TOLD = 80

Tree: TypeAlias = dict[str, "Tree | Leaf"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """The end of a path: the value to put there."""

    value: Any


@dataclass(frozen=True, slots=True)
class Change:
    """What an update does: fields by dotted path, and at most one of a text with its vector, or a vector alone."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    unset: Sequence[str] = ()
    sets_vector: bool = False
    """Whether text and vector change at all."""
    text: str | None = None
    vector: Vector | None = None

    def tree(self) -> Tree:
        """The new values by path segment. Raises BadInput when a path leads through another, or ends where another is unset."""
        root: Tree = {}
        for path, value in self.fields.items():
            _plant(root, path.split("."), Leaf(value))
        for path in self.unset:
            _check_apart(root, path.split("."))
        return root


@dataclass(frozen=True, slots=True)
class Matches:
    """What an update meets, as far as `limit` allows to count."""

    count: int
    other_text: bool
    """Whether any of them holds another text than the new one."""
    obstructed: bool
    """Whether a path of the update has no place in any of them."""
    too_large: bool
    """Whether any of them would take too many bytes."""


@dropped_is_not_found
async def matches(
    connection: Connection, collection: Collection, given: Mapping[str, object], change: Change, limit: int
) -> Matches:
    """Look before an update: nothing is embedded for documents that do not need it."""
    arguments = Arguments()
    condition = document_filter(given, arguments)
    row = await connection.fetchrow(
        f"""
        select count(*) as count, bool_or(text is distinct from {arguments.put(change.text)}::text) as other_text,
            bool_or({_obstructed(change, arguments)}) as obstructed, false as too_large
        from (select body, text from {table(collection)} where {condition} limit {arguments.put(limit)}) as document""",
        *arguments,
    )
    return _met(row)


@dropped_is_not_found
async def update(
    connection: Connection,
    collection: Collection,
    given: Mapping[str, object],
    change: Change,
    *,
    limit: int,
    most_bytes: int,
    most_keys: int,
) -> tuple[Matches, Touched]:
    """Change what matches now; the caller undoes it where what was met is not as hoped. `most_bytes`: of a body as text.

    Rows are locked in order of their keys, as in every other write, so that no two writes wait for each other.
    """
    arguments = Arguments()
    condition = document_filter(given, arguments)
    vector = ", vector" if collection.dimension is not None else ""
    row = await connection.fetchrow(
        f"""
        with met as materialized (
            select document.key, document.text is distinct from {arguments.put(change.text)}::text as other_text, document.obstructed,
                new.body, octet_length(new.body::text) > {arguments.put(most_bytes)} as too_large,
                {_differs(change, "new.body", arguments)} as differs
            from (
                select key, body, text{vector}, {_obstructed(change, arguments)} as obstructed
                from {table(collection)} as document where {condition} order by key limit {arguments.put(limit)} for update
            ) as document
            cross join lateral (
                select case when document.obstructed then document.body else {_new_body(change, arguments)} end as body offset 0
            ) as new
        ), changed as (
            update {table(collection)} as document set {_assignments(change, "met.body", arguments)}
            from met where document.key = met.key and met.differs returning document.key
        )
        select count(*), bool_or(other_text) as other_text, bool_or(obstructed) as obstructed, bool_or(too_large) as too_large,
            (select count(*) from changed) as changed, array(select key from changed limit {arguments.put(most_keys)}) as keys
        from met""",
        *arguments,
    )
    return _met(row), touched(row)


def _met(row: Row | None) -> Matches:
    """Over no rows at all, `bool_or` is null."""
    assert row is not None  # noqa: S101 - an aggregate always answers a row
    return Matches(row["count"], bool(row["other_text"]), bool(row["obstructed"]), bool(row["too_large"]))


def _new_body(change: Change, arguments: Arguments) -> str:
    """The body after the update, of a document that is not `obstructed`."""
    expression = _assigned(change.tree(), (), arguments)
    # higher indexes first, so that removing one element does not move another that is to go
    for path in sorted((path.split(".") for path in change.unset), key=_index_order, reverse=True):
        there = f"{reached(BODY, path, arguments)} is not null"
        expression = f"({expression} #- case when {there} then {_array(path, arguments)} else '{{}}'::text[] end)"
    return expression


def _obstructed(change: Change, arguments: Arguments) -> str:
    """Whether a path to set leads through a value that has no such place, and would be lost or raise an error."""
    steps = sorted({step for path in change.fields for step in _steps(path.split("."))})
    conditions = [_has_no_place(reached(BODY, parent, arguments), segment, arguments) for parent, segment in steps]
    return f"({' or '.join(conditions)})" if conditions else "false"


def _differs(change: Change, body: str, arguments: Arguments) -> str:
    """Whether a document would be another one with the new body, and the new text or vector."""
    different = [f"{BODY} is distinct from {body}"]
    if change.sets_vector:
        different.append(f"document.text is distinct from {arguments.put(change.text)}::text")
        if change.text is None:
            different.append(f"document.vector is distinct from {arguments.put(change.vector)}::vector")
    return f"({' or '.join(different)})"


def _assignments(change: Change, body: str, arguments: Arguments) -> str:
    """The `set` list of an update. A vector is written only where its text is new, or where no text belongs to it."""
    settings = [f"body = {body}", "updated_at = now()"]
    if change.sets_vector:
        text = f"{arguments.put(change.text)}::text"
        vector = f"{arguments.put(change.vector)}::vector"
        kept = f"case when document.text is not distinct from {text} then document.vector else {vector} end"
        settings += [f"text = {text}", f"vector = {vector if change.text is None else kept}"]
    return ", ".join(settings)


def _assigned(tree: Tree, path: tuple[str, ...], arguments: Arguments) -> str:
    """The object or array at `path` with the tree's values in it; one that is missing or null becomes an object."""
    here = reached(BODY, path, arguments)
    expression = f"coalesce(nullif({here}, 'null'::jsonb), '{{}}'::jsonb)" if path else here
    for segment, branch in tree.items():
        value = _leaf(branch, arguments) if isinstance(branch, Leaf) else _assigned(branch, (*path, segment), arguments)
        expression = f"jsonb_set({expression}, {_array([segment], arguments)}, {value})"
    return expression


def _leaf(leaf: Leaf, arguments: Arguments) -> str:
    """None as a parameter would be SQL's NULL, and make all of the body that."""
    return "'null'::jsonb" if leaf.value is None else f"{arguments.put(leaf.value)}::jsonb"


def _steps(path: Sequence[str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """(parent, segment) for each step below the body, which is an object always."""
    return ((tuple(path[:depth]), path[depth]) for depth in range(1, len(path)))


def _has_no_place(parent: str, segment: str, arguments: Arguments) -> str:
    """Objects have a place for every name, arrays for their indexes and the one behind; where nothing is, an object will be."""
    beyond = f"{arguments.put(int(segment))} > jsonb_array_length({parent})" if is_index(segment) else "true"
    return f"""(case jsonb_typeof({parent}) when 'object' then false when 'null' then false when 'array' then {beyond}
        else {parent} is not null end)"""


def _array(path: Sequence[str], arguments: Arguments) -> str:
    return f"array[{', '.join(arguments.text(segment) for segment in path)}]"


def _index_order(path: Sequence[str]) -> list[int]:
    return [int(segment) if is_index(segment) else -1 for segment in path]


def _plant(tree: Tree, path: Sequence[str], leaf: Leaf) -> None:
    *parents, last = path
    for segment in parents:
        branch = tree.setdefault(segment, {})
        if isinstance(branch, Leaf):
            raise _overlap(path)
        tree = branch
    if last in tree:
        raise _overlap(path)
    tree[last] = leaf


def _check_apart(tree: Tree, path: Sequence[str]) -> None:
    """Raises BadInput when a path to unset meets one to set."""
    branch: Tree | Leaf = tree
    for segment in path:
        if isinstance(branch, Leaf):
            break
        if segment not in branch:
            return
        branch = branch[segment]
    raise _overlap(path)


def _overlap(path: Sequence[str]) -> BadInput:
    shown = ".".join(path)[:LONGEST_TOLD]
    return BadInput(f"{shown!r} overlaps with another path of this update: name each field once.")
