"""Requests made of the schema: every argument of every mutation and of every field of a query, right but for one hostile place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)
from hypothesis import strategies as st

from tests.hostile.leaf import Strategy, mostly
from tests.hostile.likely import LIKELY, WHOLE
from tests.hostile.symbol import AnyId, Id, Known, RealCursor, json_text, literal_text
from tests.hostile.value import hostile

Path: TypeAlias = tuple[str, ...]

KINDS = {"target": ("Collection", "Table"), "accessToken": ("AccessToken",)}
"""The kinds that an id is of, where the argument's name does not spell it."""


@dataclass(frozen=True)
class Operation:
    """A field with arguments, and how it is reached: by a mutation, a query, or node(id) for what is of `owner`."""

    owner: str
    name: str
    arguments: Mapping[str, GraphQLInputType]
    required: frozenset[str]
    selection: str

    @property
    def is_of_node(self) -> bool:
        return self.owner not in {"Query", "Mutation"}

    def document(self, declared: str, given: str) -> str:
        """The GraphQL text, with what declares and what gives the arguments."""
        asked = f"{self.name}{given} {self.selection}"
        if self.is_of_node:
            return f"query({declared} $node: ID!) {{ node(id: $node) {{ ... on {self.owner} {{ {asked} }} }} }}"
        declares = f"({declared})" if declared else ""
        return f"{self.owner.lower()}{declares} {{ {asked} }}"


@dataclass(frozen=True)
class Request:
    """An operation with arguments that may hold symbols."""

    operation: Operation
    place: Path
    arguments: Mapping[str, Any]
    node: Any
    is_literal: bool

    def text(self, known: Known) -> str:
        """The body of the HTTP request."""
        known = known.asking(self.operation.name)
        names = [name for name in self.arguments if name in self.operation.arguments]
        node = {"node": self.arguments.get("node", self.node)} if self.operation.is_of_node else {}
        if self.is_literal:
            given = ", ".join(f"{name}: {literal_text(self.arguments[name], known)}" for name in names)
            document = self.operation.document("", f"({given})" if names else "")
            return json_text({"query": document, "variables": node}, known)
        declared = " ".join(f"${name}: {self.operation.arguments[name]}" for name in names)
        given = ", ".join(f"{name}: ${name}" for name in names)
        document = self.operation.document(declared, f"({given})" if names else "")
        return json_text({"query": document, "variables": {**self.arguments, **node}}, known)


def operations(schema: GraphQLSchema) -> list[Operation]:
    """Every field of the schema that takes arguments, but those of subscriptions."""
    return [
        Operation(
            owner.name,
            name,
            {each: argument.type for each, argument in field.args.items()},
            frozenset(each for each, argument in field.args.items() if is_required_argument(argument)),
            _selection(field, depth=3),
        )
        for owner in schema.type_map.values()
        if isinstance(owner, GraphQLObjectType)
        and not owner.name.startswith("__")
        and owner is not schema.subscription_type
        for name, field in owner.fields.items()
        if field.args
    ]


def _selection(field: GraphQLField, depth: int) -> str:
    """All that a field answers, so deep, without what takes arguments."""
    answered = get_named_type(field.type)
    if not isinstance(answered, GraphQLObjectType | GraphQLInterfaceType):
        return ""
    below = [
        f"{name} {_selection(each, depth - 1)}"
        for name, each in answered.fields.items()
        if not each.args and (depth > 1 or _is_leaf(each.type))
    ]
    return "{ __typename " + " ".join(below) + " }"


def _is_leaf(of: GraphQLOutputType) -> bool:
    return is_leaf_type(get_named_type(of))


def places(operation: Operation) -> Iterator[Path]:
    """Every place in the arguments of an operation, those within inputs and lists too; the first is none: all is right."""
    yield ()
    for name, each in operation.arguments.items():
        yield from ((name, *path) for path in _within(each))


def _within(of: GraphQLInputType) -> Iterator[Path]:
    yield ()
    bare = of.of_type if isinstance(of, GraphQLNonNull) else of
    if isinstance(bare, GraphQLList):
        yield from (("*", *path) for path in _within(bare.of_type))
    if isinstance(bare, GraphQLInputObjectType):
        for name, field in bare.fields.items():
            yield from ((name, *path) for path in _within(field.type))


def requests(operation: Operation, place: Path) -> st.SearchStrategy[Request]:
    """Requests that are right, but for what stands at the place."""
    given = {
        name: _filled(of, operation.owner, name, place[1:] if place[:1] == (name,) else None)
        for name, of in operation.arguments.items()
    }
    arguments = _together(f"{operation.owner}.{operation.name}", given, operation.required, place)
    node = st.builds(Id, st.just((operation.owner,)), st.integers(0, 8))
    return st.builds(
        Request, st.just(operation), st.just(place), arguments, node, st.sampled_from([False, False, False, True])
    )


def _together(owner: str, given: Mapping[str, Strategy], required: Set[str], wrong: Path | None) -> Strategy:
    """Arguments that are mostly right together: `given` says how each looks alone."""
    always = {name: each for name, each in given.items() if name in required or name in (wrong or ())[:1]}
    loose = st.fixed_dictionaries(always, optional={name: each for name, each in given.items() if name not in always})
    if owner not in WHOLE:
        return loose
    part = st.fixed_dictionaries({name: given[name] for name in (wrong or ())[:1]})
    return mostly(st.builds(lambda whole, part: whole | part, st.sampled_from(WHOLE[owner]), part), loose)


def _filled(of: GraphQLInputType, owner: str, name: str, wrong: Path | None) -> Strategy:
    """Right values of a type, but for the place `wrong` in them, which is the whole value where it is empty."""
    bare = cast("GraphQLInputType", of.of_type if isinstance(of, GraphQLNonNull) else of)
    if wrong == ():
        return hostile(name, get_named_type(of).name)
    if isinstance(bare, GraphQLList):
        right = st.lists(_filled(bare.of_type, owner, name, None), min_size=1, max_size=2)
        if not wrong:
            return right
        return st.builds(
            lambda items, item: [*items, item], right | st.just([]), _filled(bare.of_type, owner, name, wrong[1:])
        )
    if isinstance(bare, GraphQLInputObjectType):
        return _input(bare, wrong)
    return _right(bare, owner, name)


def _input(of: GraphQLInputObjectType, wrong: Path | None) -> Strategy:
    head = wrong[0] if wrong else None
    given = {
        name: _filled(each.type, of.name, name, wrong[1:] if wrong and name == head else None)
        for name, each in of.fields.items()
    }
    required = {name for name, field in of.fields.items() if is_required_input_field(field)}
    return _together(of.name, given, required, wrong)


def _right(of: GraphQLInputType, owner: str, name: str) -> Strategy:
    kind = get_named_type(of)
    if kind.name == "ID":
        return _ids(name)
    if name == "after":
        return mostly(st.none(), st.builds(RealCursor, st.integers(0, 50)))
    if isinstance(kind, GraphQLEnumType):
        return st.sampled_from(list(kind.values))
    return st.sampled_from(LIKELY.get(f"{owner}.{name}") or LIKELY.get(name) or LIKELY.get(kind.name) or [None])


def _ids(name: str) -> Strategy:
    """Of the kind that the argument's name spells: databaseIds takes those of databases."""
    stem = name.removesuffix("s").removesuffix("Id")
    kinds = KINDS.get(stem) or (stem[:1].upper() + stem[1:],)
    own = st.builds(Id, st.just(kinds), st.integers(0, 8))
    return st.builds(AnyId, st.integers(0, 500)) if stem == "id" else own
