"""What is wrong with an input value, without quoting it: graphql-core's own messages print whole inputs, secrets too.

Every message here is made of names and types. Whether a value makes sense is for the domain, not for this room.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple, cast

from graphql import (
    ArgumentNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLLeafType,
    GraphQLSchema,
    GraphQLSyntaxError,
    Node,
    OperationDefinitionNode,
    ValidationRule,
    ValueNode,
    VariableDefinitionNode,
    VariableValues,
    get_nullable_type,
    get_variable_values,
    is_enum_type,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
    type_from_ast,
)

from app.errors import BadInput, GatewayError
from resolvers.operation.budget import check_values
from resolvers.operation.input_value import LIST, NULL, OBJECT, VARIABLE, WORD, Json, Literal, Value

MAX_FAULTS = 5
"""How many faults of one literal, or of all variables, are told."""

MAX_NESTING = 200
"""Where graphql-core stops, too. It bounds typed input only: a JSON scalar is one value, however deep."""

LONGEST_TOLD_NAME = 30
"""Unknown field names are told up to this length. Vendors' keys are longer, and some would pass for a GraphQL name."""

Path = tuple[str | int, ...]

_BUILT_IN = {"String": "a string", "ID": "a string", "Int": "a number", "Float": "a number", "Boolean": "a boolean"}
_HINTS = {"Int": " (a whole number of 32 bits)", "Float": " (a finite number)", "ID": " (a string or a whole number)"}
_TEXT_SCALARS = ("String", "ID")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SHORT_NAME = re.compile(rf"[_A-Za-z][_0-9A-Za-z]{{,{LONGEST_TOLD_NAME - 1}}}")
_SYNTAX_WORDS = re.compile(
    r"Expected (?:'[^']{1,12}'|Name|<EOF>), found (?:'[^\w']{1,3}'|<EOF>|Name|Int|Float|String|BlockString)"
    r"|Unexpected (?:'[^\w']{1,3}'|<EOF>|Name|Int|Float|String|BlockString|variable|description|character"
    r"|single quote character)"
    r"|Invalid (?:number|character within String|Unicode escape sequence|character escape sequence)"
    r"|Unterminated string|Document is nested too deeply"
)


class Fault(NamedTuple):
    """One thing that is wrong: where, the rest of the sentence, and facts that a scalar's own error brought along."""

    path: Path
    words: str
    facts: Mapping[str, object] = {}


class QuietValuesRule(ValidationRule):
    """Stands in for graphql-core's ValuesOfCorrectTypeRule: literals of the wrong type are reported, never printed."""

    def enter_argument(self, node: ArgumentNode, *_args: object) -> None:
        self._check(node.value, f"Argument {node.name.value}", node.name.value)

    def enter_variable_definition(self, node: VariableDefinitionNode, *_args: object) -> None:
        if node.default_value:
            name = node.variable.name.value
            self._check(node.default_value, f"Default of variable ${name}", name)

    def _check(self, node: ValueNode, owner: str, name: str) -> None:
        type_ = self.context.get_input_type()
        # An argument that the schema does not know has no type; another rule reports it.
        if type_ is not None:
            for error in _told(owner, node, _faults(Literal(node), type_, (name,), _misfit)):
                self.report_error(error)


def coerce_variables(
    schema: GraphQLSchema, operation: OperationDefinitionNode, raw: Mapping[str, object]
) -> VariableValues | list[GraphQLError]:
    """The variables of a validated operation, coerced, or what is wrong with them (errors caused by a BadInput).

    Raises LimitExceeded when they hold more values than coercion should look at.
    """
    definitions = operation.variable_definitions or ()
    declared = [_Declared(node, cast("GraphQLInputType", type_from_ast(schema, node.type))) for node in definitions]
    check_values(((raw[each.name], each.type) for each in declared if each.name in raw), len(raw))
    values = get_variable_values(schema, definitions, dict(raw), max_errors=1, hide_suggestions=True)
    refused = isinstance(values, list)
    judge = _misfit if refused else _unstorable
    found = (error for each in declared for error in _variable_errors(each, raw, judge))
    errors = list(islice(found, MAX_FAULTS))
    if refused and not errors:
        errors = [_refusal("The variables do not fit their types.", operation, {})]
    return errors or values


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can store it: no NUL, no half of a surrogate pair."""
    return "\0" not in text if text.isascii() else _UNSTORABLE.search(text) is None


def quiet_syntax_message(error: GraphQLSyntaxError) -> str:
    """What a syntax error says, without the piece of the document that it quotes; its location says where to look."""
    words = _SYNTAX_WORDS.match(error.description)
    return f"Syntax error: {words.group() if words else 'the document cannot be read from here on'}."


class _Declared(NamedTuple):
    """A variable as the operation declares it."""

    node: VariableDefinitionNode
    type: GraphQLInputType

    @property
    def name(self) -> str:
        return self.node.variable.name.value


def _variable_errors(declared: _Declared, raw: Mapping[str, object], judge: Judge) -> list[GraphQLError]:
    node, type_ = declared
    name = declared.name
    if name in raw:
        found = _faults(Json(raw[name]), type_, (name,), judge)
    elif is_non_null_type(type_) and node.default_value is None:
        found = iter((Fault((name,), f"({type_}) is missing"),))
    else:
        found = iter(())
    return _told(f"Variable ${name}", node, found)


def _told(owner: str, node: Node, faults: Iterator[Fault]) -> list[GraphQLError]:
    return [
        _refusal(f'{owner}: "{_dotted(fault.path)}" {fault.words}.', node, fault.facts)
        for fault in islice(faults, MAX_FAULTS)
    ]


def _refusal(message: str, node: Node, facts: Mapping[str, object]) -> GraphQLError:
    cause = BadInput(message)
    cause.facts = dict(facts)
    return GraphQLError(message, node, original_error=cause)


def _dotted(path: Path) -> str:
    return str(path[0]) + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path[1:])


Judge = Callable[[Value, GraphQLLeafType, GraphQLInputType, Path], Fault | None]
"""Finds fault with one leaf; the third argument is the type as declared, which may be non-null."""


def _faults(value: Value, type_: GraphQLInputType, path: Path, judge: Judge) -> Iterator[Fault]:
    kind = value.kind
    if kind == VARIABLE:
        return
    if kind == NULL:
        if is_non_null_type(type_):
            yield Fault(path, f"must be {type_}, and is null")
        return
    if len(path) > MAX_NESTING:
        yield Fault(path[:3], "is nested too deeply")
        return
    bare = get_nullable_type(type_)
    if is_list_type(bare):
        yield from _list_faults(value, bare.of_type, path, judge)
    elif is_input_object_type(bare):
        yield from _object_faults(value, bare, type_, path, judge)
    elif fault := judge(value, cast("GraphQLLeafType", bare), type_, path):
        yield fault


def _list_faults(value: Value, item_type: GraphQLInputType, path: Path, judge: Judge) -> Iterator[Fault]:
    if value.kind != LIST:
        # GraphQL takes a single value for a list of one.
        yield from _faults(value, item_type, path, judge)
        return
    bare = get_nullable_type(item_type)
    leaf = bare if is_leaf_type(bare) else None
    for index, item in enumerate(value.items()):
        if leaf is None or item.kind in (NULL, VARIABLE):
            yield from _faults(item, item_type, (*path, index), judge)
        elif fault := judge(item, leaf, item_type, (*path, index)):
            yield fault


def _object_faults(
    value: Value, type_: GraphQLInputObjectType, declared: GraphQLInputType, path: Path, judge: Judge
) -> Iterator[Fault]:
    if value.kind != OBJECT:
        yield Fault(path, f"must be {declared}, and is {value.kind}")
        return
    given = value.fields()
    for name, field in type_.fields.items():
        if name in given:
            yield from _faults(given[name], field.type, (*path, name), judge)
        elif is_required_input_field(field):
            yield Fault((*path, name), f"({field.type}) is missing")
    for name in given:
        if name not in type_.fields:
            yield Fault(path, _unknown(name, type_))
    if _is_one_of(type_) and [item.kind == NULL for item in given.values()] != [False]:
        yield Fault(path, "must have exactly one field, and that one not null")


def _unknown(name: str, type_: GraphQLInputObjectType) -> str:
    return f"has no field {name}" if _SHORT_NAME.fullmatch(name) else f"has a field that {type_} does not have"


def _is_one_of(type_: GraphQLInputObjectType) -> bool:
    # Strawberry keeps its own mark and does not set graphql-core's.
    return type_.is_one_of or getattr(type_.extensions.get("strawberry-definition"), "is_one_of", False)


def _misfit(value: Value, leaf: GraphQLLeafType, declared: GraphQLInputType, path: Path) -> Fault | None:
    complaints = value.complaints(leaf)
    if not complaints:
        return _unstorable(value, leaf, declared, path)
    cause = complaints[0].original_error
    if isinstance(cause, GatewayError):
        return Fault(path, f"is refused: {cause.message.rstrip('.')}", cause.facts)
    return Fault(path, f"must be {_expected(leaf, declared)}, and is {_found(value, leaf)}")


def _expected(leaf: GraphQLLeafType, declared: GraphQLInputType) -> str:
    if is_enum_type(leaf):
        return f"{declared} ({', '.join(leaf.values)})"
    return f"{declared}{_HINTS.get(leaf.name, '')}"


def _found(value: Value, leaf: GraphQLLeafType) -> str:
    """`a number` where text is wanted; `a number of another form` where some numbers would do, but not this one."""
    if is_enum_type(leaf):
        # In a document a member is a bare word, in variables a string.
        fits = value.kind == WORD or (isinstance(value, Json) and value.text is not None)
        return "none of these" if fits else value.kind
    return f"{value.kind} of another form" if _BUILT_IN.get(leaf.name, value.kind) == value.kind else value.kind


def _unstorable(value: Value, leaf: GraphQLLeafType, _declared: GraphQLInputType, path: Path) -> Fault | None:
    """JSON scalars judge their own items, one by one."""
    text = value.text
    if text is None or leaf.name not in _TEXT_SCALARS or is_storable(text):
        return None
    bad = _UNSTORABLE.findall(text)
    return Fault(path, f"holds {'a NUL character' if bad[0] == chr(0) else 'half of a surrogate pair'}")
