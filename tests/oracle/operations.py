"""Strategies for valid operations over any schema: fragments in fragments, aliases, variables, conditions, merged selections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    GraphQLArgument,
    GraphQLCompositeType,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_non_null_type,
    is_required_argument,
)
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]

DEEPEST: Final = 5
MOST_SELECTIONS: Final = 4
MOST_FIELDS: Final = 24
MOST_FRAGMENTS: Final = 4
NULL: Final = "null"
DIRECTIVES: Final = (("skip",), ("include",), ("skip", "include"), ())


@dataclass(frozen=True)
class Values:
    """What arguments are given: strategies of JSON values by `Type.field.argument`, `argument` or the name of the input type."""

    known: Mapping[str, st.SearchStrategy[Any]]
    left_out: frozenset[str] = frozenset()

    def of(self, place: str, name: str, kind: GraphQLInputType) -> st.SearchStrategy[Any]:
        named = get_named_type(kind)
        found = self.known.get(f"{place}.{name}", self.known.get(name, self.known.get(named.name)))
        if found is not None:
            return found
        if isinstance(named, GraphQLEnumType):
            one: st.SearchStrategy[Any] = st.sampled_from(sorted(named.values))
            return st.lists(one, max_size=2) if isinstance(get_nullable_type(kind), GraphQLList) else one
        return PLAIN.get(named.name, st.just(Undefined))


PLAIN: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "Int": st.integers(-1, 5),
    "Float": st.sampled_from([-1.0, 0.5, 2.0]),
    "String": st.sampled_from(["", "a", "ünï"]),
    "Boolean": st.booleans(),
    "ID": st.sampled_from(["", "x", "7"]),
}


@dataclass(frozen=True)
class Operation:
    """A request."""

    text: str
    variables: dict[str, Any]


@dataclass
class Writer:
    """Writes one operation."""

    draw: Draw
    schema: GraphQLSchema
    values: Values
    definitions: dict[str, str] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    fragments: dict[str, tuple[str, str]] = field(default_factory=dict)
    keys: int = 0
    fields: int = 0

    def operation(self, root: GraphQLObjectType, only: frozenset[str] | None = None) -> Operation:
        word = "mutation" if root is self.schema.mutation_type else "query"
        body = self.selections(root, 0, only)
        head = f"({', '.join(self.definitions.values())})" if self.definitions else ""
        fragments = " ".join(f"fragment {name} on {kind} {text}" for name, (kind, text) in self.fragments.items())
        return Operation(f"{word} Q{head} {body} {fragments}", self.variables)

    def chance(self, one_in: int) -> bool:
        return bool(self.draw(st.integers(0, one_in - 1)) == 1)

    def selections(self, parent: GraphQLCompositeType, depth: int, only: frozenset[str] | None = None) -> str:
        count = self.draw(st.integers(1, MOST_SELECTIONS)) if self.fields < MOST_FIELDS else 1
        return "{ " + " ".join(self.selection(parent, depth, only) for _ in range(count)) + " }"

    def selection(self, parent: GraphQLCompositeType, depth: int, only: frozenset[str] | None) -> str:
        how = self.draw(st.integers(0, 9)) if only is None and depth < DEEPEST and self.fields < MOST_FIELDS else 9
        if how < 2:
            return self.inline(parent, depth)
        if how < 4:
            return self.spread(parent, depth)
        return self.field(parent, depth, only)

    def inline(self, parent: GraphQLCompositeType, depth: int) -> str:
        kind = self.draw(st.sampled_from(self.overlapping(parent)))
        condition = "" if kind is parent and self.chance(2) else f" on {kind.name}"
        return f"...{condition}{self.directives()} {self.selections(kind, depth + 1)}"

    def spread(self, parent: GraphQLCompositeType, depth: int) -> str:
        kinds = {each.name: each for each in self.overlapping(parent)}
        known = [name for name, (kind, _) in self.fragments.items() if kind in kinds]
        if known and self.chance(2):
            return f"...{self.draw(st.sampled_from(known))}{self.directives()}"
        if len(self.fragments) >= MOST_FRAGMENTS:
            return self.field(parent, depth, None)
        kind = kinds[self.draw(st.sampled_from(sorted(kinds)))]
        text = self.selections(kind, depth + 1)
        name = f"F{len(self.fragments)}"
        self.fragments[name] = (kind.name, text)
        return f"...{name}{self.directives()}"

    def overlapping(self, parent: GraphQLCompositeType) -> list[GraphQLCompositeType]:
        """Types on which a fragment may be here."""
        possible = self.schema.get_possible_types(parent) if is_abstract_type(parent) else [parent]
        wider = list(parent.interfaces) if isinstance(parent, (GraphQLObjectType, GraphQLInterfaceType)) else []
        return [parent, *(each for each in possible if each is not parent), *wider]

    def field(self, parent: GraphQLCompositeType, depth: int, only: frozenset[str] | None) -> str:
        self.fields += 1
        name = self.draw(st.sampled_from(self.names(parent, depth, only)))
        if name == "__typename":
            return self.aliased(name, one_in=4) + self.directives()
        definition = parent.fields[name]  # type: ignore[union-attr] # a union has __typename alone
        arguments = self.arguments(f"{parent.name}.{name}", definition)
        alias = self.aliased(name, one_in=1 if definition.args else 5)
        below = self.below(definition, depth)
        return f"{alias}{arguments}{self.directives()}{below}"

    def names(self, parent: GraphQLCompositeType, depth: int, only: frozenset[str] | None) -> list[str]:
        fields: Mapping[str, GraphQLField] = getattr(parent, "fields", {})
        names = [
            name
            for name, each in fields.items()
            if f"{parent.name}.{name}" not in self.values.left_out
            if only is None or name in only
            if (depth < DEEPEST and self.fields < MOST_FIELDS) or not is_composite_type(get_named_type(each.type))
        ]
        return names if only and names else [*names, "__typename"]

    def below(self, definition: GraphQLField, depth: int) -> str:
        kind: GraphQLNamedType = get_named_type(definition.type)
        return " " + self.selections(kind, depth + 1) if is_composite_type(kind) else ""

    def aliased(self, name: str, one_in: int) -> str:
        if one_in > 1 and not self.chance(one_in):
            return name
        self.keys += 1
        return f"k{self.keys}: {name}"

    def arguments(self, place: str, definition: GraphQLField) -> str:
        given = [(name, self.argument(place, name, each)) for name, each in definition.args.items()]
        shown = [f"{name}: {text}" for name, text in given if text is not None]
        return f"({', '.join(shown)})" if shown else ""

    def argument(self, place: str, name: str, argument: GraphQLArgument) -> str | None:
        """A literal, or a variable; None: it is left out."""
        required = is_required_argument(argument)
        if not required and self.chance(3):
            return None
        value = self.draw(self.values.of(place, name, argument.type))
        if value is Undefined:
            return None
        if not is_non_null_type(argument.type) and self.chance(8):
            value = None
        named = get_named_type(argument.type)
        if isinstance(value, dict) or self.chance(2):
            return self.variable(
                str(argument.type), value, is_default=self.chance(4), enum=isinstance(named, GraphQLEnumType)
            )
        return literal(value, enum=isinstance(named, GraphQLEnumType))

    def variable(self, kind: str, value: object, *, is_default: bool, enum: bool = False) -> str:
        name = f"v{len(self.definitions)}"
        if is_default and not isinstance(value, dict) and not (kind.endswith("!") and value is None):
            self.definitions[name] = f"${name}: {kind} = {literal(value, enum=enum)}"
        elif value is None and not self.chance(2):
            self.definitions[name] = f"${name}: {kind}"  # and nothing is given for it
        else:
            self.definitions[name] = f"${name}: {kind}"
            self.variables[name] = value
        return f"${name}"

    def directives(self) -> str:
        names = DIRECTIVES[min(self.draw(st.integers(0, 19)), len(DIRECTIVES) - 1)]
        return "".join(f" @{name}(if: {self.condition(holds=name == 'include')})" for name in names)

    def condition(self, *, holds: bool) -> str:
        value = holds if self.chance(2) else bool(self.draw(st.booleans()))
        if self.chance(2):
            return literal(value)
        return self.variable("Boolean!", value, is_default=self.chance(3))


def literal(value: object, *, enum: bool = False) -> str:
    match value:
        case None:
            return NULL
        case bool():
            return str(value).lower()
        case str():
            return value if enum else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case list():
            return "[" + ", ".join(literal(each, enum=enum) for each in value) + "]"
        case dict():
            return "{" + ", ".join(f"{name}: {literal(each)}" for name, each in value.items()) + "}"
        case _:
            return str(value)


@st.composite
def operations(draw: Draw, schema: GraphQLSchema, values: Values, only: frozenset[str] | None = None) -> Operation:
    """Queries; with the names of root fields of mutations, mutations of these."""
    root = schema.mutation_type if only else schema.query_type
    assert root is not None
    return Writer(draw, schema, values).operation(root, only)
