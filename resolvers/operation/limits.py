"""How much one operation may ask for: counted in one pass over its syntax tree before anything is resolved.

A fragment is counted once however often it is spread, so a document that fans out exponentially costs linear time.
Only validated operations come here: fields and fragments exist, and no fragment contains itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NamedTypeNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_introspection_type,
    is_list_type,
)

from app.errors import LimitExceeded
from app.page import MAX_FIRST
from resolvers.operation.shape import Bulk, Shape

INTROSPECTION_DEPTH = 25
"""The standard introspection query is 15 deep, and no setting should break GraphiQL and code generators."""

LIST_SIZE = 10
"""How many items a list is taken to have where the operation does not say."""

SCHEMA_LIST_SIZE = 6
"""The same within introspection: with it the standard query is estimated to answer about what it does answer."""

SIZING_ARGUMENTS = ("first", "ids")
"""Arguments that say how many items a field answers: as a number, or as the list of what is asked for."""

MOST_DEFINITIONS = 100
"""Operations and fragments in a document: each costs validation a pass of its own."""

MOST_SELECTIONS = 2_400
"""Fields, spreads and inline fragments in a document, as they stand there: what a person or a generator writes has some hundreds."""

LONGEST_ALIAS = 128
"""Characters: every object of an answer repeats the alias, and the bytes of names are counted nowhere else."""

LARGEST_EXACT = 2**53 - 1
"""A bomb's count has hundreds of digits; JSON clients read no larger whole number exactly."""

_INTROSPECTION = frozenset(("__schema", "__type"))


@dataclass(frozen=True, slots=True)
class OperationSize:
    """What an operation asks for. `cost` estimates the fields answered; the variables in `sized_by` decide on it."""

    depth: int
    introspection_depth: int
    aliases: int
    root_fields: int
    cost: int
    sized_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """The operator's limits. Tokens are counted while the document is read, bytes while it is answered, all else on its operations."""

    max_depth: int = 12
    max_aliases: int = 30
    max_tokens: int = 5_000
    max_root_fields: int = 20
    max_cost: int = 50_000
    max_answer_bytes: int = 32 * 1024 * 1024

    def excess(self, shape: Shape) -> LimitExceeded | None:
        """What needs no validation to be seen."""
        return _beyond(
            shape.aliases, self.max_aliases, "MAX_ALIASES", "aliases, counted through fragments; use fewer"
        ) or _beyond(shape.fields, self.max_root_fields, "MAX_ROOT_FIELDS", "root fields; send several requests")

    def check(self, size: OperationSize) -> None:
        """Raises LimitExceeded for the first limit that the operation is beyond."""
        excess = (
            _beyond(size.depth, self.max_depth, "MAX_DEPTH", "levels of fields; nest less")
            or _beyond(size.introspection_depth, INTROSPECTION_DEPTH, "introspection", "levels of fields; nest less")
            or self.excess(Shape(size.aliases, size.root_fields))
            or _beyond(
                size.cost, self.max_cost, "MAX_COST", "fields in its answer, as estimated; ask for smaller pages"
            )
        )
        if excess is not None:
            raise excess


def too_bulky(bulk: Bulk) -> LimitExceeded | None:
    """For a document that would take validation, or writing its answer, too long."""
    return (
        _beyond(
            bulk.definitions, MOST_DEFINITIONS, "The gateway", "operations and fragments; send several", "the document"
        )
        or _beyond(bulk.selections, MOST_SELECTIONS, "The gateway", "fields and spreads; send several", "the document")
        or _beyond(
            bulk.longest_alias,
            LONGEST_ALIAS,
            "The gateway",
            "characters in an alias; use a shorter one",
            "the document",
        )
    )


def too_many_tokens(limit: int) -> LimitExceeded:
    """For a document whose reading stopped at the limit: how many tokens it has in all is not known."""
    return LimitExceeded(
        f"MAX_TOKENS allows {limit}, and the document has more tokens; send vectors and documents in variables.",
        limit=limit,
        actual=limit + 1,
    )


def took_too_long(seconds: float) -> LimitExceeded:
    """For work that was cancelled and has ended, a mutation's transaction with it, so that the caller may try again."""
    return LimitExceeded(
        f"REQUEST_TIMEOUT_SECONDS allows {seconds:g} seconds, and the request took longer; it was stopped.",
        retryable=True,
        limit=seconds,
    )


def measure(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    amounts: Mapping[str, int | None],
) -> OperationSize:
    """Count an operation; `amounts` gives what its variables say where they size a list (see `amount`)."""
    counter = _Counter(schema, fragments, amounts)
    count = counter.selection_set(operation.selection_set, schema.get_root_type(operation.operation))
    return OperationSize(
        depth=count.depth,
        introspection_depth=count.introspection_depth,
        aliases=count.aliases,
        root_fields=count.fields,
        cost=count.fixed + count.scaled * LIST_SIZE,
        sized_by=tuple(sorted(counter.sized_by)),
    )


def amount(value: object) -> int | None:
    """How many items a sizing argument asks for, at most a page: the field itself refuses more in its own words."""
    number = len(value) if isinstance(value, (list, tuple)) else value
    return min(max(number, 0), MAX_FIRST) if isinstance(number, int) else None


def _beyond(actual: int, limit: int, setting: str, of_what: str, owner: str = "the operation") -> LimitExceeded | None:
    if actual <= limit:
        return None
    told = min(actual, LARGEST_EXACT)
    return LimitExceeded(f"{setting} allows {limit}, and {owner} has {told} {of_what}.", limit=limit, actual=told)


class _Count(NamedTuple):
    """What a selection set asks for. Its cost is `fixed`, and `scaled` for each item of the connection around it."""

    depth: int = 0
    introspection_depth: int = 0
    aliases: int = 0
    fields: int = 0
    fixed: int = 0
    scaled: int = 0

    def beside(self, other: _Count) -> _Count:
        return _Count(
            max(self.depth, other.depth),
            max(self.introspection_depth, other.introspection_depth),
            self.aliases + other.aliases,
            self.fields + other.fields,
            self.fixed + other.fixed,
            self.scaled + other.scaled,
        )


class _Counter:
    """One pass over one operation. Remembers each fragment's count, and which variables size a list."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        amounts: Mapping[str, int | None],
    ) -> None:
        self.schema = schema
        self.fragments = fragments
        self.amounts = amounts
        self.sized_by: set[str] = set()
        self.counted: dict[str, _Count] = {}

    def selection_set(self, node: SelectionSetNode, parent: object) -> _Count:
        total = _Count()
        for selection in node.selections:
            total = total.beside(self.selection(selection, cast("GraphQLCompositeType", parent)))
        return total

    def selection(self, node: SelectionNode, parent: GraphQLCompositeType) -> _Count:
        if isinstance(node, FragmentSpreadNode):
            return self.fragment(node.name.value)
        if isinstance(node, InlineFragmentNode):
            return self.selection_set(node.selection_set, self.narrowed(node.type_condition) or parent)
        return self.field(cast("FieldNode", node), parent)

    def fragment(self, name: str) -> _Count:
        if name not in self.counted:
            fragment = self.fragments[name]
            self.counted[name] = self.selection_set(fragment.selection_set, self.narrowed(fragment.type_condition))
        return self.counted[name]

    def narrowed(self, condition: NamedTypeNode | None) -> object:
        return condition and self.schema.type_map[condition.name.value]

    def field(self, node: FieldNode, parent: GraphQLCompositeType) -> _Count:
        definition = cast("GraphQLField", self.schema.get_field(parent, node.name.value))
        answered = get_named_type(definition.type)
        below = self.selection_set(node.selection_set, answered) if node.selection_set else _Count()
        fixed, scaled = self.cost(node, definition, below)
        deepest = 1 + below.depth
        introspects = node.name.value in _INTROSPECTION
        return _Count(
            depth=0 if introspects else deepest,
            introspection_depth=max(deepest if introspects else 0, below.introspection_depth),
            aliases=below.aliases + (node.alias is not None),
            fields=1,
            fixed=fixed,
            scaled=scaled,
        )

    def cost(self, node: FieldNode, definition: GraphQLField, below: _Count) -> tuple[int, int]:
        """A list without a size of its own (edges, nodes) has that of the connection around it: its cost is scaled."""
        size = self.size(node, definition)
        usual = SCHEMA_LIST_SIZE if is_introspection_type(get_named_type(definition.type)) else LIST_SIZE
        if node.selection_set is None or not is_list_type(get_nullable_type(definition.type)):
            return 1 + below.fixed + below.scaled * (usual if size is None else size), 0
        item = 1 + below.fixed + below.scaled * usual
        return (0, item) if size is None else (size * item, 0)

    def size(self, node: FieldNode, definition: GraphQLField) -> int | None:
        for name in SIZING_ARGUMENTS:
            if name in definition.args:
                given = next((each.value for each in node.arguments or () if each.name.value == name), None)
                asked = self.asked(given)
                return self.asked(_default(definition.args[name])) if asked is None else asked
        return None

    def asked(self, value: object) -> int | None:
        """The amount in a literal, in a variable's name, or in a default that is a value already."""
        match value:
            case VariableNode():
                self.sized_by.add(value.name.value)
                return self.amounts.get(value.name.value)
            case IntValueNode():
                return amount(int(value.value))
            case ListValueNode():
                return amount(value.values)
        return amount(value)


def _default(argument: GraphQLArgument) -> object:
    """What the schema declares for an argument that is left out: a literal, or a value."""
    if argument.default is None:
        return argument.default_value
    return argument.default.literal or argument.default.value
