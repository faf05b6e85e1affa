"""SQL of records that PostgreSQL writes as JSON, as compact as orjson would: for long lists, whose records nobody else looks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.shape import Part, Shape
from app.store.identifier import Arguments, Statement


@dataclass(frozen=True, slots=True)
class Writer:
    """How records of one kind are written: for each name an expression that is JSON as text, and never null."""

    values: Mapping[str, Statement]
    inner: Mapping[str, Inner] = field(default_factory=dict)

    def knows(self, shape: Shape) -> bool:
        """Whether all that is asked for can be written."""
        return bool(shape) and all(map(self._knows, shape))

    def _knows(self, part: Part) -> bool:
        if part.name in self.inner:
            return self.inner[part.name].writer.knows(part.shape)
        return part.constant is not None or (part.name in self.values and not part.shape)

    def object(self, shape: Shape, arguments: Arguments) -> Statement:
        """The expression of a record. Keys are parameters, like all that comes from outside."""
        pieces, text = list[str](), "{"
        for number, part in enumerate(shape):
            text += f'{"," if number else ""}"{part.key}":'
            if part.constant is not None:
                text += part.constant
                continue
            pieces += [arguments.text(text), self._value(part, arguments)]
            text = ""
        return Statement(" || ".join([*pieces, arguments.text(text + "}")]))

    def _value(self, part: Part, arguments: Arguments) -> Statement:
        if part.name not in self.inner:
            return self.values[part.name]
        inner = self.inner[part.name]
        return inner.placed(inner.writer.object(part.shape, arguments))


@dataclass(frozen=True, slots=True)
class Inner:
    """Records within a record: `placed` makes of the expression of one what stands in the outer one."""

    writer: Writer
    placed: Callable[[Statement], Statement]


def listed(item: Statement, order: str) -> Statement:
    """A list of all rows of a group, in the order of a column; without rows it is empty."""
    items = Statement(f"coalesce(string_agg({item}, ',' order by {order}), '')")
    return Statement(f"('[' || {items} || ']')")


def text(column: str) -> Statement:
    """A text, or an enum, that is never null."""
    return Statement(f"to_json({column})::text")


def number(column: str) -> Statement:
    """A whole number, or null."""
    return Statement(f"coalesce({column}::text, 'null')")


def moment(column: str) -> Statement:
    """A time, or null: RFC 3339 in UTC, with a fraction where there is one."""
    shown = Statement(f"""to_char({column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')""")
    return Statement(f"""coalesce('"' || replace({shown}, '.000000', '') || 'Z"', 'null')""")


def identifier(kind: str, column: str) -> Statement:
    """A global id: `kind:key` in URL-safe base64, without padding and the ends of lines that PostgreSQL puts there."""
    return Statement(
        f"""'"' || translate(encode(convert_to('{kind}:' || {column}, 'UTF8'), 'base64'), E'+/=\\n', '-_') || '"'"""
    )
