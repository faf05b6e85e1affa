"""One pass of all validation rules over a document, as graphql-core's `validate` makes it, at half its price.

Which rules there are is for `document` to say. Nothing here knows what a rule looks for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, Final

from graphql import (
    BREAK,
    SKIP,
    ASTValidationRule,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    TypeInfo,
    ValidationContext,
    Visitor,
    VisitorAction,
    visit,
)
from graphql.language.ast import QUERY_DOCUMENT_KEYS
from graphql.language.visitor import EnterLeaveVisitor
from graphql.pyutils import RefMap
from graphql.validation.validate import FragmentNestingVisitor, ValidationAbortedError
from graphql.validation.validation_context import NodeWithSelectionSet, VariableUsage, VariableUsageVisitor

Visit = Callable[..., VisitorAction | None]


_UNVISITED: Final = frozenset(("description", "name", "alias"))
"""Children that no rule asks for: rules read a name off the node that has it. They are half of a document's nodes."""

_KEYS: Final = {kind: tuple(key for key in keys if key not in _UNVISITED) for kind, keys in QUERY_DOCUMENT_KEYS.items()}


_UNTRACKED: Final = frozenset(("enum_value",))
"""Of these TypeInfo keeps what no rule here asks for."""


def validated(
    schema: GraphQLSchema,
    document: DocumentNode,
    rules: Collection[type[ASTValidationRule]],
    *,
    most: int,
    hide_suggestions: bool,
) -> list[GraphQLError]:
    """What the rules find wrong: up to `most` errors and, where that or recursion broke it off, a ValidationAbortedError."""
    errors: list[GraphQLError] = []

    def report(error: GraphQLError) -> None:
        if len(errors) >= most:
            raise ValidationAbortedError("There is more wrong with it.")
        errors.append(error)

    types = TypeInfo(schema)
    context = _Context(schema, document, types, report, hide_suggestions)
    try:
        visit(document, Together(types, [*_guard(document), *(rule(context) for rule in rules)]), _KEYS)
    except (ValidationAbortedError, RecursionError):
        # Another one: neither its traceback nor its context keeps the document alive.
        errors.append(ValidationAbortedError("Validation aborted."))
    return errors


class _Context(ValidationContext):
    """graphql-core's, except that looking for the variables of an operation costs as little as the rules."""

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - as graphql-core's
        super().__init__(*given, **named)
        # A node as a key of a dict hashes all that is below it, whenever it is looked up.
        for kept in ("_fragment_spreads", "_variable_usages", "_recursive_variable_usages"):
            setattr(self, kept, RefMap())
        self._collector = VariableUsageVisitor(self._type_info)
        self._collecting = Together(self._type_info, [self._collector])

    def get_variable_usages(self, node: NodeWithSelectionSet) -> list[VariableUsage]:
        known = self._variable_usages.get(node)
        if known is None:
            met = len(self._collector.usages)
            visit(node, self._collecting, _KEYS)
            known = self._variable_usages[node] = self._collector.usages[met:]
        return known


def _guard(document: DocumentNode) -> Iterable[Visitor]:
    """Breaks off where fragments nest deeper than rules can recurse."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    return [FragmentNestingVisitor(fragments)] if fragments else []


class Together(Visitor):
    """Many visitors as one that keeps `types` up to date. At a kind of node only those are called that have a method for it."""

    def __init__(self, types: TypeInfo, visitors: Collection[Visitor]) -> None:
        super().__init__()
        self.types = types
        self.visitors = visitors
        self.skipping: list[object] = [None] * len(visitors)

    def get_enter_leave_for_kind(self, kind: str) -> EnterLeaveVisitor:
        if kind not in self.enter_leave_map:
            met = [(place, each.get_enter_leave_for_kind(kind)) for place, each in enumerate(self.visitors)]
            enters = [(place, each.enter) for place, each in met if each.enter]
            # Who may have skipped a node on entering it has to hear that it is left.
            leaves = [(place, each.leave) for place, each in met if each.enter or each.leave]
            self.enter_leave_map[kind] = EnterLeaveVisitor(self._enter(kind, enters), self._leave(kind, leaves))
        return self.enter_leave_map[kind]

    def _typed(self, side: str, kind: str) -> Callable[..., None] | None:
        return None if kind in _UNTRACKED else getattr(self.types, f"{side}_{kind}", None)

    def _enter(self, kind: str, enters: list[tuple[int, Visit]]) -> Visit | None:
        typed = self._typed("enter", kind)
        if not enters:
            return typed and (lambda node, *_args: typed(node))
        skipping = self.skipping

        def enter(node: Node, *args: object) -> None:
            if typed:
                typed(node)
            for place, each in enters:
                if skipping[place] is None:
                    result = each(node, *args)
                    if result is SKIP:
                        skipping[place] = node
                    elif result is BREAK:
                        skipping[place] = BREAK

        return enter

    def _leave(self, kind: str, leaves: list[tuple[int, Visit | None]]) -> Visit | None:
        typed = self._typed("leave", kind)
        if not leaves:
            return typed and (lambda _node, *_args: typed())
        skipping = self.skipping

        def leave(node: Node, *args: object) -> None:
            for place, each in leaves:
                if skipping[place] is None:
                    if each and each(node, *args) is BREAK:
                        skipping[place] = BREAK
                elif skipping[place] is node:
                    skipping[place] = None
            if typed:
                typed()

        return leave
