"""What decides which fields of an operation are there: the variables of its @skip and @include."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from graphql import DirectiveNode, FragmentDefinitionNode, OperationDefinitionNode, VariableNode, Visitor, visit

KNOWN: Final = frozenset(("skip", "include"))


def conditions(operation: OperationDefinitionNode, fragments: Iterable[FragmentDefinitionNode]) -> list[str] | None:
    """Names of those variables; None for an operation whose meaning depends on more than them."""
    found = _Directives()
    for node in (operation, *fragments):
        visit(node, found)
    variable_fragments = any(each.variable_definitions for each in fragments)
    return None if variable_fragments or not found.names <= KNOWN else sorted(found.variables)


class _Directives(Visitor):
    """Collects the directives of a document."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.variables: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:  # noqa: ANN401 - where it stands
        self.names.add(node.name.value)
        values = [each.value for each in node.arguments or ()]
        self.variables |= {each.name.value for each in values if isinstance(each, VariableNode)}
