"""An input value as one walk sees it, whether it came as JSON in `variables` or as a literal in the document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol, cast

from graphql import (
    BooleanValueNode,
    EnumValueNode,
    FloatValueNode,
    GraphQLError,
    GraphQLLeafType,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
    VariableNode,
    is_enum_type,
)
from graphql.utilities import validate_input_literal, validate_input_value

NULL: Final = "null"
LIST: Final = "a list"
OBJECT: Final = "an object"
VARIABLE: Final = "a variable"
WORD: Final = "a bare word"
_OTHER: Final = "a value of another kind"
_JSON_KINDS: dict[type, str] = {
    type(None): NULL,
    list: LIST,
    tuple: LIST,
    dict: OBJECT,
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
}
_LITERAL_KINDS: dict[type, str] = {
    NullValueNode: NULL,
    ListValueNode: LIST,
    ObjectValueNode: OBJECT,
    StringValueNode: "a string",
    IntValueNode: "a number",
    FloatValueNode: "a number",
    BooleanValueNode: "a boolean",
    EnumValueNode: WORD,
    VariableNode: VARIABLE,
}
_TEXT_SCALARS = ("String", "ID")


class Value(Protocol):
    """`items` is for lists and `fields` for objects only; `complaints` are graphql-core's about the value as a leaf."""

    @property
    def kind(self) -> str:
        """NULL, LIST, OBJECT, VARIABLE, or what else it is: words for a message."""

    @property
    def text(self) -> str | None:
        """The characters of a string."""

    def items(self) -> Sequence[Value]: ...

    def fields(self) -> Mapping[str, Value]: ...

    def complaints(self, leaf: GraphQLLeafType) -> list[GraphQLError]: ...


class Json:
    """A value that came in `variables`."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    @property
    def kind(self) -> str:
        return _JSON_KINDS.get(type(self.value), _OTHER)

    @property
    def text(self) -> str | None:
        return self.value if isinstance(self.value, str) else None

    def items(self) -> Sequence[Json]:
        return [Json(item) for item in cast("Sequence[object]", self.value)]

    def fields(self) -> Mapping[str, Json]:
        return {name: Json(item) for name, item in cast("Mapping[str, object]", self.value).items()}

    def complaints(self, leaf: GraphQLLeafType) -> list[GraphQLError]:
        found: list[GraphQLError] = []
        try:
            validate_input_value(self.value, leaf, lambda error, _path: found.append(error), hide_suggestions=True)
        except RecursionError:
            # graphql-core, about to quote the value, compares it with what it has quoted: as deep as it is nested.
            found.append(GraphQLError("It is nested too deeply."))
        return found


class Literal:
    """A value that stands in the document. Its variables are checked when they are coerced."""

    __slots__ = ("node",)

    def __init__(self, node: ValueNode) -> None:
        self.node = node

    @property
    def kind(self) -> str:
        return _LITERAL_KINDS.get(type(self.node), _OTHER)

    @property
    def text(self) -> str | None:
        return self.node.value if isinstance(self.node, StringValueNode) else None

    def items(self) -> Sequence[Literal]:
        return [Literal(node) for node in cast("ListValueNode", self.node).values]

    def fields(self) -> Mapping[str, Literal]:
        return {field.name.value: Literal(field.value) for field in cast("ObjectValueNode", self.node).fields}

    def complaints(self, leaf: GraphQLLeafType) -> list[GraphQLError]:
        if _plainly_fits(self.node, leaf):
            return []
        found: list[GraphQLError] = []
        validate_input_literal(self.node, leaf, lambda error, _path: found.append(error), hide_suggestions=True)
        return found


def _plainly_fits(node: ValueNode, leaf: GraphQLLeafType) -> bool:
    """What graphql-core takes six microseconds to find out. A document may hold thousands of such values."""
    if isinstance(node, EnumValueNode):
        return is_enum_type(leaf) and node.value in leaf.values
    return isinstance(node, StringValueNode) and leaf.name in _TEXT_SCALARS
