"""A first look at a document's operations, before validation: what is far too much needs no schema to be seen, and costs less so.

It takes documents that are not valid: fragments that do not exist, or that contain themselves, count for nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from graphql import (
    DocumentNode,
    ExecutableDefinitionNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

DEEPEST_SPREAD = 100
"""Fragments within fragments that are followed; validation refuses documents not much deeper than that."""


class Shape(NamedTuple):
    """Counted through every spread, as `limits.measure` does."""

    aliases: int = 0
    fields: int = 0


class Bulk(NamedTuple):
    """Of a whole document, counted once however often a fragment is spread."""

    definitions: int = 0
    selections: int = 0
    longest_alias: int = 0
    """In characters: an answer repeats it for every object."""


def bulk(document: DocumentNode) -> Bulk:
    """What validation takes its time for, and an answer its bytes. Linear in the document."""
    selections = longest_alias = 0
    pending = [node.selection_set for node in document.definitions if isinstance(node, ExecutableDefinitionNode)]
    while pending:
        inside = pending.pop().selections
        selections += len(inside)
        aliases = (len(node.alias.value) for node in inside if isinstance(node, FieldNode) and node.alias)
        longest_alias = max(longest_alias, *aliases, 0)
        pending += [
            node.selection_set
            for node in inside
            if isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set
        ]
    return Bulk(len(document.definitions), selections, longest_alias)


def shapes(document: DocumentNode) -> list[Shape]:
    """Of each operation. `fields` are those at its root. Time is linear in the document, however often a fragment is spread."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    look = Look(fragments)
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    return [look.selection_set(node.selection_set) for node in operations]


class Look:
    """One look at one document. `selections` is how many were looked at."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, Shape] = {}
        self._spread = 0
        self.selections = 0

    def selection_set(self, node: SelectionSetNode) -> Shape:
        aliases = fields = 0
        for selection in node.selections:
            found = self._selection(selection)
            aliases, fields = aliases + found.aliases, fields + found.fields
        return Shape(aliases, fields)

    def _selection(self, node: SelectionNode) -> Shape:
        self.selections += 1
        match node:
            case FieldNode():
                below = self.selection_set(node.selection_set).aliases if node.selection_set else 0
                return Shape(below + (node.alias is not None), 1)
            case InlineFragmentNode():
                return self.selection_set(node.selection_set)
            case FragmentSpreadNode():
                return self._fragment(node.name.value)
        return Shape()

    def _fragment(self, name: str) -> Shape:
        if name not in self._known and name in self._fragments and self._spread < DEEPEST_SPREAD:
            self._known[name] = Shape()  # should it spread itself
            self._spread += 1
            self._known[name] = self.selection_set(self._fragments[name].selection_set)
            self._spread -= 1
        return self._known.get(name, Shape())
