"""What is known of strawberry's declarations."""

from __future__ import annotations

from typing import Any

import pytest
import strawberry
from graphql import GraphQLInterfaceType, GraphQLObjectType

from resolvers.operation.execution import core_schema
from resolvers.operation.plan import declaration


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Dog(Named): ...


class Puppy(Dog): ...


@strawberry.type
class Cat(Named):
    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return value == "cat"


@strawberry.type
class Query:
    attribute: str = "a"

    @strawberry.field
    def named(self) -> list[Named]:
        return []

    @strawberry.field
    async def three(self, info: strawberry.Info, number: int, parent: strawberry.Parent[Any]) -> str:
        return f"{info.field_name} {number} {parent}"

    @strawberry.field
    @staticmethod
    def nothing() -> int:
        return 1


SCHEMA = strawberry.Schema(Query, types=[Dog, Cat])
CORE = core_schema(SCHEMA)


def kind(name: str) -> Any:  # noqa: ANN401 - an object type or an interface
    found = CORE.get_type(name)
    assert isinstance(found, GraphQLObjectType | GraphQLInterfaceType)
    return found


def test_fields_read_an_attribute_or_call_a_resolver() -> None:
    fields = kind("Query").fields
    assert declaration.attribute(fields["attribute"]) == "attribute"
    assert declaration.resolver(SCHEMA, fields["attribute"]) is None
    assert declaration.attribute(fields["named"]) is None
    assert declaration.resolver(SCHEMA, fields["named"]) is not None
    assert declaration.attribute(CORE.get_type("__Schema").fields["types"]) is None  # type: ignore[union-attr] # an object type


async def test_a_resolver_is_called_with_what_it_declares() -> None:
    fields = kind("Query").fields
    three = declaration.resolver(SCHEMA, fields["three"])
    nothing = declaration.resolver(SCHEMA, fields["nothing"])
    assert three is not None
    assert nothing is not None
    raw: Any = type("Raw", (), {"field_name": "three"})()
    info = three.info(raw)
    result: Any = three.bound(three.arguments({"number": 3}, info), info)("the parent")
    assert await result == "three 3 the parent"
    assert (three.is_async, nothing.is_async, nothing.bound({}, info)("the parent")) == (True, False, 1)


@pytest.mark.parametrize(
    ("name", "each", "accepted"),
    [("Dog", Dog, True), ("Dog", Puppy, True), ("Dog", str, False), ("Cat", Cat, False), ("Query", str, True)],
)
def test_a_type_accepts_its_class_unless_it_has_a_judgement_of_its_own(name: str, each: type, accepted: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert declaration.accepts(kind(name), each) is accepted


def test_an_interface_knows_its_types_by_their_classes() -> None:
    assert declaration.type_name(kind("Named"), Dog) == "Dog"
    assert declaration.type_name(kind("Named"), Puppy) == "Dog"
    assert declaration.type_name(kind("Named"), str) is None
