"""Updates of documents as SQL: dotted paths become one expression over the stored body, so that no row is read, changed and written back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from app.errors import BadInput
from app.store.identifier import Arguments
from app.store.record import Vector

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
        """The new values by path segment. Raises BadInput when one path leads through another."""
        root: Tree = {}
        for path, value in self.fields.items():
            _plant(root, path.split("."), Leaf(value))
        for path in self.unset:
            _plant({**_copied(root)}, path.split("."), Leaf(None))
        return root


def assignments(change: Change, arguments: Arguments, *, has_vector: bool) -> str:
    """The `set` list of an update. A vector is written only where its text is new, or where no text belongs to it."""
    settings = [f"body = {_body(change, arguments)}"]
    if change.sets_vector:
        text = f"{arguments.put(change.text)}::text"
        settings.append(f"text = {text}")
        if has_vector:
            vector = f"{arguments.put(change.vector)}::vector"
            kept = f"case when document.text is not distinct from {text} then document.vector else {vector} end"
            settings.append(f"vector = {kept if change.text is not None else vector}")
    return ", ".join(settings)


def differs(change: Change, arguments: Arguments, *, has_vector: bool) -> str:
    """Whether a document would be another one after the update."""
    different = [f"document.body is distinct from {_body(change, arguments)}"]
    if change.sets_vector:
        different.append(f"document.text is distinct from {arguments.put(change.text)}::text")
        if has_vector and change.text is None:
            different.append(f"document.vector is distinct from {arguments.put(change.vector)}::vector")
    return f"({' or '.join(different)})"


def obstructed(change: Change, arguments: Arguments) -> str:
    """Whether a path leads through a string, number or boolean, which would be lost."""
    parents = {tuple(path.split(".")[:depth]) for path in change.fields for depth in range(1, path.count(".") + 1)}
    kinds = [
        f"coalesce(jsonb_typeof(body #> {arguments.put(list(parent))}::text[]), 'null')" for parent in sorted(parents)
    ]
    return " or ".join(f"{kind} not in ('object', 'array', 'null')" for kind in kinds) or "false"


def _body(change: Change, arguments: Arguments) -> str:
    expression = _assigned(change.tree(), (), arguments)
    for path in change.unset:
        expression = f"({expression} #- {arguments.put(path.split('.'))}::text[])"
    return expression


def _assigned(tree: Tree, path: tuple[str, ...], arguments: Arguments) -> str:
    """The object or array at `path` with the tree's values in it; one that is missing or null becomes an object."""
    here = f"document.body #> {arguments.put(list(path))}::text[]" if path else "document.body"
    expression = f"coalesce(nullif({here}, 'null'::jsonb), '{{}}'::jsonb)" if path else here
    for segment, branch in tree.items():
        value = (
            f"{arguments.put(branch.value)}::jsonb"
            if isinstance(branch, Leaf)
            else _assigned(branch, (*path, segment), arguments)
        )
        expression = f"jsonb_set({expression}, {arguments.put([segment])}::text[], {value})"
    return expression


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


def _copied(tree: Tree) -> Tree:
    return {name: branch if isinstance(branch, Leaf) else _copied(branch) for name, branch in tree.items()}


def _overlap(path: Sequence[str]) -> BadInput:
    return BadInput(f"{'.'.join(path)!r} overlaps with another path of this update: name each field once.")
