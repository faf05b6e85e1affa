"""What a query asks for below a field, so that nothing else is read from the database."""

from __future__ import annotations

from collections.abc import Mapping

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

from resolvers.context import Info


def names_below(info: Info) -> set[str]:
    """The names of all fields selected at any depth below this one, through fragments, whatever their directives say."""
    raw = info._raw_info  # noqa: SLF001 - strawberry's selected_fields would convert the whole tree, arguments included
    names: set[str] = set()
    for node in raw.field_nodes:
        _collect(node.selection_set, raw.fragments, names, set())
    return names


def _collect(
    selections: SelectionSetNode | None,
    fragments: Mapping[str, FragmentDefinitionNode],
    names: set[str],
    seen: set[str],
) -> None:
    for selection in selections.selections if selections else ():
        match selection:
            case FieldNode():
                names.add(selection.name.value)
                _collect(selection.selection_set, fragments, names, seen)
            case InlineFragmentNode():
                _collect(selection.selection_set, fragments, names, seen)
            case FragmentSpreadNode() if selection.name.value not in seen:
                seen.add(selection.name.value)
                _collect(fragments[selection.name.value].selection_set, fragments, names, seen)
