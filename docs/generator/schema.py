"""The GraphQL schema, as schema.graphql prints it: a page for each kind of thing, every type's name a link to it.

A mutation's input and payload stand with the mutation; a page of items (XConnection, XEdge) is told at its items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    get_directive_values,
    get_named_type,
    is_required_argument,
    is_required_input_field,
)

from docs.generator.markdown import code, section, table

FILE = Path(__file__).parents[2] / "schema.graphql"
Field = TypeVar("Field")
ROOTS = {"Query": "queries", "Mutation": "mutations", "Subscription": "subscriptions"}


@cache
def _schema() -> GraphQLSchema:
    return build_schema(FILE.read_text())


@cache
def _own_types() -> Mapping[str, GraphQLNamedType]:
    """The types that have a section of their own, by name."""
    built_in = {"String", "Int", "Float", "Boolean", "ID"}
    return {
        name: each
        for name, each in _schema().type_map.items()
        if not name.startswith("__") and name not in built_in and name not in ROOTS and not _told_elsewhere(name)
    }


def _told_elsewhere(name: str) -> bool:
    return _mutation_of(name) is not None or _item_of(name) is not None


@cache
def _mutation_of(name: str) -> str | None:
    """The mutation whose input or payload this is."""
    stem = name.removesuffix("Input").removesuffix("Payload")
    mutation = stem[:1].lower() + stem[1:]
    known = _schema().mutation_type
    return mutation if stem != name and known is not None and mutation in known.fields else None


def _item_of(name: str) -> str | None:
    """The items that a connection or an edge is made of, where they are all that there is to it."""
    stem = name.removesuffix("Connection").removesuffix("Edge")
    return stem if stem != name and stem in _schema().type_map else None


def schema(page: str) -> str:
    """The sections of one page."""
    return "\n".join(PAGES[page]())


def _fields_of(root: str) -> Iterable[str]:
    return (_field(name, field) for name, field in _object(root).fields.items())


def _field(name: str, field: GraphQLField) -> str:
    return section(2, name, *_told(field), f"Answers {_type(field.type)}.", _arguments(field))


def _told(field: GraphQLField) -> tuple[str, str]:
    """What a field of a root does, and the permission that it needs."""
    permission = _permission(field)
    needs = f"Needs the permission {code(permission)}." if permission else ""
    return _line(field.description).replace(f"Needs the permission {permission}.", ""), needs


def _permission(field: GraphQLField) -> str | None:
    """The permission that its directive names."""
    directive = _schema().get_directive("requiresPermission")
    values = get_directive_values(directive, field.ast_node) if directive and field.ast_node else None
    return values["permission"] if values else None


def _arguments(field: GraphQLField) -> str:
    return table(("argument", "type", "meaning"), map(_argument, field.args.items())) if field.args else ""


def _argument(named: tuple[str, GraphQLArgument]) -> list[str]:
    name, argument = named
    return [_named(name, required=is_required_argument(argument)), _type(argument.type), _with_default(argument)]


def _mutations() -> Iterable[str]:
    return (_mutation(name, field) for name, field in _object("Mutation").fields.items())


def _object(name: str) -> GraphQLObjectType:
    return cast("GraphQLObjectType", _schema().type_map[name])


def _mutation(name: str, field: GraphQLField) -> str:
    given = cast("GraphQLInputObjectType", get_named_type(field.args["input"].type))
    answered = _object(get_named_type(field.type).name)
    outcome = table(("answered", "type", "meaning"), map(_output, _own(answered.fields)))
    return section(2, name, *_told(field), _inputs(given), outcome)


def _own(fields: Mapping[str, Field]) -> list[tuple[str, Field]]:
    """Without what every mutation has."""
    return [(name, field) for name, field in fields.items() if name != "clientMutationId"]


def _inputs(type: GraphQLInputObjectType) -> str:
    return table(("input", "type", "meaning"), map(_input, _own(type.fields)))


def _input(named: tuple[str, GraphQLInputField]) -> list[str]:
    name, field = named
    return [_named(name, required=is_required_input_field(field)), _type(field.type), _with_default(field)]


def _output(named: tuple[str, GraphQLField]) -> list[str]:
    name, field = named
    arguments = f"({', '.join(field.args)})" if field.args else ""
    return [code(name + arguments), _type(field.type), _line(field.description)]


def _section(type: GraphQLNamedType) -> str:
    return section(2, type.name, _line(type.description), _members(type))


def _members(type: GraphQLNamedType) -> str:
    if isinstance(type, GraphQLEnumType):
        return table(
            ("value", "meaning"), ([code(name), _line(each.description)] for name, each in type.values.items())
        )
    if isinstance(type, GraphQLInputObjectType):
        return _inputs(type)
    if isinstance(type, GraphQLUnionType):
        return "One of " + ", ".join(map(_type, type.types)) + "."
    if isinstance(type, GraphQLObjectType | GraphQLInterfaceType):
        return table(("field", "type", "meaning"), map(_output, type.fields.items()))
    return ""


def _sections(*kinds: type[GraphQLNamedType]) -> Iterable[str]:
    return (_section(each) for _, each in sorted(_own_types().items()) if isinstance(each, kinds))


OBJECTS = (GraphQLObjectType, GraphQLInterfaceType, GraphQLUnionType)
VALUES = (GraphQLEnumType, GraphQLScalarType)
PAGES: Mapping[str, Callable[[], Iterable[str]]] = {
    "queries": lambda: _fields_of("Query"),
    "mutations": _mutations,
    "subscriptions": lambda: _fields_of("Subscription"),
    "objects": lambda: _sections(*OBJECTS),
    "inputs": lambda: _sections(GraphQLInputObjectType),
    "values": lambda: _sections(*VALUES),
}


def _type(type: object) -> str:
    """A type as it is written, its name a link to the section that tells of it."""
    name = get_named_type(type).name  # type: ignore[call-overload] # every type of a schema has a name inside
    target = _mutation_of(name) or _item_of(name) or name
    page = "mutations" if _mutation_of(name) else _page_of(target)
    if page is None:
        return code(type)
    before, _, after = str(type).partition(name)
    return "".join((before and code(before), f"[{code(name)}]({page}.md#{target.lower()})", after and code(after)))


def _page_of(name: str) -> str | None:
    """The page with a type's own section; GraphQL's scalars have none."""
    found = _own_types().get(name)
    pages = (("objects", OBJECTS), ("inputs", (GraphQLInputObjectType,)), ("values", VALUES))
    return next((page for page, kinds in pages if isinstance(found, kinds)), None)


def _named(name: str, *, required: bool) -> str:
    return f"**{code(name)}**" if required else code(name)


def _with_default(field: GraphQLArgument | GraphQLInputField) -> str:
    """The description, with the default where it is not null."""
    default = field.ast_node.default_value if field.ast_node else None
    written = getattr(default, "value", None) if default is not None else None
    listed = "[]" if default is not None and hasattr(default, "values") else None
    told = _line(field.description)
    shown = listed or (str(written).lower() if isinstance(written, bool) else written)
    return f"{told} Default: {code(shown)}." if shown is not None else told


def _line(description: str | None) -> str:
    """A description as one line in which nothing is markup."""
    return " ".join((description or "").split()).replace("*", "\\*").replace("<", "&lt;")
