"""How strawberry declares what a plan does: the one place that knows it. What it does not know, it answers None to.

A plan calls a field's resolver itself, and so goes past what strawberry wraps around it: extensions and permissions of the field,
handlers of exceptions. Fields and schemas that have any are not planned. `strawberry.cast` is not looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from enum import Enum
from functools import lru_cache, partial
from inspect import iscoroutinefunction
from typing import Any, Final, cast

import strawberry
from graphql import (
    GraphQLAbstractType,
    GraphQLEnumType,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_arguments
from strawberry.types.base import StrawberryObjectDefinition, get_object_definition
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver

from resolvers.operation.plan.light import is_light

BEHIND: Final = GraphQLCoreConverter.DEFINITION_BACKREF
"""Under this key a thing of graphql-core's has the thing of strawberry's that it was made of."""

CLASSES_REMEMBERED = 4096


def schema_behind(schema: GraphQLSchema) -> strawberry.Schema | None:
    """The strawberry schema, where nothing that it wraps around every field is in use."""
    found = schema.extensions.get(BEHIND)
    if not isinstance(found, strawberry.Schema) or found.schema_converter.exception_handlers:
        return None
    return found if found.config.default_resolver is getattr else None


def attribute(field: GraphQLField) -> str | None:
    """The attribute that a field without a resolver reads."""
    found = _field_behind(field)
    return found.python_name if found is not None and found.base_resolver is None else None


def python_name(field: GraphQLField) -> str | None:
    """What a field is called in Python."""
    found = _field_behind(field)
    return found.python_name if found is not None else None


def resolver(schema: strawberry.Schema, field: GraphQLField) -> Resolver | None:
    """The resolver that a field declares."""
    found = _field_behind(field)
    return (
        Resolver(schema, found, found.base_resolver) if found is not None and found.base_resolver is not None else None
    )


def _field_behind(field: GraphQLField) -> StrawberryField | None:
    found = field.extensions.get(BEHIND)
    if not isinstance(found, StrawberryField) or found.extensions or found.is_subscription:
        return None
    return found if type(found).get_result is StrawberryField.get_result else None


class Resolver:
    """A declared resolver: what it takes, and how it is called."""

    def __init__(self, schema: strawberry.Schema, field: StrawberryField, base: StrawberryResolver[Any]) -> None:
        self._schema = schema
        self._field = field
        self.function = cast(
            "Callable[..., object]", base.wrapped_func
        )  # bound, where its class method or static method
        self._takes_self = base.self_parameter is not None
        self._info = base.info_parameter.name if base.info_parameter else None
        self._parents = [each.name for each in (base.parent_parameter, base.root_parameter) if each is not None]
        self.is_async = field.is_async
        self.is_light = self.is_async and is_light(self.function)

    def instead(self, function: Callable[..., object], like: Callable[..., object]) -> Resolver:
        """Another function called in the same way, which is async and light as `like` is."""
        other = copy(self)
        other.function, other.is_async, other.is_light = function, iscoroutinefunction(like), is_light(like)
        return other

    def info(self, raw: GraphQLResolveInfo[Any]) -> strawberry.Info[Any, Any]:
        """What strawberry makes of graphql-core's `info`."""
        return self._schema.config.info_class(_raw_info=raw, _field=self._field)

    def arguments(self, coerced: Mapping[str, Any], info: strawberry.Info[Any, Any] | None) -> dict[str, Any]:
        """Arguments as the resolver's parameters have them. Raises what is wrong with them."""
        registry = self._schema.schema_converter.scalar_registry
        return convert_arguments(dict(coerced), self._field.arguments, registry, self._schema.config, info)

    def bound(self, arguments: Mapping[str, Any], info: strawberry.Info[Any, Any]) -> Callable[[Any], object]:
        """What takes an object and says what its field is, or an awaitable of that."""
        given = {**arguments, self._info: info} if self._info else arguments
        if self._takes_self and not self._parents:
            return partial(self.function, **given)
        return partial(self._bound_otherwise, given)

    def _bound_otherwise(self, given: Mapping[str, Any], parent: object) -> object:
        first = [parent] if self._takes_self else []
        return self.function(*first, **given, **dict.fromkeys(self._parents, parent))


@lru_cache(CLASSES_REMEMBERED)
def accepts(kind: GraphQLObjectType, each: type) -> bool:
    """Whether every object of the class is one of this type; False: the type has to be asked about each."""
    definition = kind.extensions.get(BEHIND)
    if kind.is_type_of is None:
        return True
    if not isinstance(definition, StrawberryObjectDefinition) or definition.is_type_of is not None:
        return False
    return issubclass(each, definition.origin)


@lru_cache(CLASSES_REMEMBERED)
def type_name(kind: GraphQLAbstractType, each: type) -> str | None:
    """The type of every object of the class, where it stands for the interface; None: the interface has to be asked about each."""
    definition = kind.extensions.get(BEHIND)
    own = get_object_definition(each)
    if own is None or own.is_graphql_generic or not isinstance(definition, StrawberryObjectDefinition):
        return None
    return own.name if definition.resolve_type is None and issubclass(each, definition.origin) else None


def members(kind: GraphQLEnumType) -> list[Enum]:
    """What resolvers answer where a field is of this enum."""
    definition = kind.extensions.get(BEHIND)
    return list(definition.wrapped_cls) if isinstance(definition, StrawberryEnumDefinition) else []
