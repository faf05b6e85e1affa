"""What a query asks for below a field, so that nothing else is read from the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
    VariableNode,
)

from resolvers.context import Info


def names_below(info: Info) -> set[str]:
    """The names of all fields selected at any depth below this one, through fragments, whatever their directives say."""
    return {node.name.value for node in _below(info)}


def strings_below(info: Info, field: str, argument: str) -> frozenset[str]:
    """The strings that a field, wherever it is selected below this one, is given as an argument."""
    variables = info.variable_values
    given = (
        _string(each.value, variables)
        for node in _below(info)
        if node.name.value == field
        for each in node.arguments or ()
        if each.name.value == argument
    )
    return frozenset(each for each in given if each is not None)


def _string(value: ValueNode, variables: Mapping[str, object]) -> str | None:
    match value:
        case StringValueNode():
            return value.value
        case VariableNode():
            found = variables.get(value.name.value)
            return found if isinstance(found, str) else None
        case _:
            return None


def _below(info: Info) -> Iterator[FieldNode]:
    raw = info._raw_info  # noqa: SLF001 - strawberry's selected_fields would convert the whole tree, arguments included
    seen: set[str] = set()
    for node in raw.field_nodes:
        yield from _fields(node.selection_set, raw.fragments, seen)


def _fields(
    selections: SelectionSetNode | None, fragments: Mapping[str, FragmentDefinitionNode], seen: set[str]
) -> Iterator[FieldNode]:
    for selection in selections.selections if selections else ():
        match selection:
            case FieldNode():
                yield selection
                yield from _fields(selection.selection_set, fragments, seen)
            case InlineFragmentNode():
                yield from _fields(selection.selection_set, fragments, seen)
            case FragmentSpreadNode() if selection.name.value not in seen:
                seen.add(selection.name.value)
                yield from _fields(fragments[selection.name.value].selection_set, fragments, seen)
