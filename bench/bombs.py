"""What documents and variables made to hurt cost the gateway: CPU from the text of a request to its refusal.

`uv run python -m bench.bombs`: no server and no database; the real schema, the default limits, the quickest of some runs.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import orjson
import structlog
import typer
from rich.console import Console
from rich.table import Table
from strawberry import Schema

from app.errors import BadInput
from app.garbage import settled
from app.web.message import asked, parse_json
from bench import machine
from resolvers.operation.execution import Answer, Executor, Ready
from resolvers.operation.limits import RequestLimits
from resolvers.schema import build_schema

RUNS = 5
LEVELS = 150
DEEP = 4_000
NODE = "node(id: $id) { ... on Collection { documents(filter: $f) { totalCount } } }"


def main() -> None:
    """Print the table, the dearest bomb first."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    typer.echo(machine.line())
    schema = build_schema()
    settled()
    table = Table("bomb", "size in kB", "ms of CPU", "slowest run", "ms of reading JSON", "outcome")
    for met in sorted((measured(schema, name, body) for name, body in bombs()), key=lambda met: -met.milliseconds):
        table.add_row(
            met.name,
            f"{met.size / 1000:.1f}",
            f"{met.milliseconds:.1f}",
            f"{met.slowest:.1f}",
            f"{met.reading:.1f}",
            met.outcome,
        )
    Console(width=160).print(table)


class Measured(NamedTuple):
    """`milliseconds` is the quickest run from the read request to its refusal; `reading` is the JSON of its body, before that."""

    name: str
    size: int
    milliseconds: float
    slowest: float
    reading: float
    outcome: str


def measured(schema: Schema, name: str, body: bytes) -> Measured:
    runs = []
    for _ in range(RUNS):
        executor = Executor(schema, RequestLimits())  # with nothing kept from the run before
        runs.append(timed(executor, body))
    preparing = [run[1] for run in runs]
    return Measured(name, len(body), min(preparing), max(preparing), min(run[0] for run in runs), runs[0][2])


def timed(executor: Executor, body: bytes) -> tuple[float, float, str]:
    """Milliseconds of reading and of preparing, and what came of it."""
    gc.collect()
    begun = time.process_time()
    try:
        request = asked(parse_json(body, "The body"))
    except BadInput as error:
        return (time.process_time() - begun) * 1000, 0.0, f"{error.code}: {error.message[:60]}"
    read = time.process_time()
    prepared = executor.prepare(request, "bomb")
    done = time.process_time()
    return (read - begun) * 1000, (done - read) * 1000, outcome(prepared)


def outcome(prepared: Ready | Answer) -> str:
    """The code and the message of a refusal."""
    if isinstance(prepared, Ready):
        return "for its fields to refuse"
    return f"{prepared.errors[0]['extensions']['code']}: {prepared.errors[0]['message'][:60]}"


def bombs() -> Iterator[tuple[str, bytes]]:
    """Names and request bodies."""
    for name, document in documents():
        yield name, orjson.dumps({"query": document})
    for name, document, values in variables():
        yield name, orjson.dumps({"query": document, "variables": values})
    yield "batch of 10,000 operations", orjson.dumps([{"query": "{ __typename }"}] * 10_000)
    yield "JSON nested 4,000 deep", b'{"query": "{ __typename }", "variables": ' + nested(b"[", b"]") + b"}"
    for name, filter_ in (("filter", "[" * DEEP + "]" * DEEP), ("objects", '{"a":' * DEEP + "1" + "}" * DEEP)):
        given = f'{{"id": "x", "f": {filter_}}}'.encode()
        query = orjson.dumps(f"query ($id: ID!, $f: JSONObject) {{ {NODE} }}")
        yield f"variable of {name} nested 4,000 deep", b'{"query": ' + query + b', "variables": ' + given + b"}"


def documents() -> Iterator[tuple[str, str]]:
    """Names and documents, each about as large as the limit of tokens lets it be."""
    yield "1,600 aliases", "{ " + many(lambda n: f"a{n}: __typename", 1_600) + " }"
    yield "800 aliases of a field with fields", "{ " + many(lambda n: f"a{n}: viewer {{ permissions }}", 800) + " }"
    yield "fragments that double on 150 levels", doubling(LEVELS, "a: __typename")
    yield (
        "fragments that double, with fields between",
        doubling(LEVELS, "organization { name }", "organization { id name }"),
    )
    yield (
        "one fragment spread 1,600 times",
        ("{ " + "...A " * 1_600 + "} fragment A on Query { organization { name } }"),
    )
    yield (
        "fragments in a circle",
        "{ ...F0 } " + many(lambda n: f"fragment F{n} on Query {{ ...F{(n + 1) % 500} }}", 500),
    )
    yield "700 directives on a field", "{ __typename " + "@include(if: true) " * 700 + "}"
    yield "2,400 unknown directives", "{ __typename " + "@boom " * 2_400 + "}"
    yield (
        "450 fields of one name",
        "{ organization { " + many(lambda n: f"databases(first: {n}) {{ totalCount }}", 450) + " } }",
    )
    yield "nested inline fragments", "{ " + "... { " * 1_600 + "__typename" + " }" * 1_600 + " }"
    yield "1,400 levels of fields", "{ organization " + "{ databases { nodes " * 700 + "{ id }" + " } }" * 700 + " }"
    yield (
        "an input object 1,200 deep",
        '{ node(id: "x") { ... on Collection { documents(filter: '
        + ("{a: " * 1_200 + "1" + "}" * 1_200 + ") { totalCount } } } }"),
    )
    yield "a list of 4,000 values for one id", "{ node(id: [" + '"x" ' * 4_000 + "]) { id } }"
    yield "1,200 variables that are not used", "query (" + many(lambda n: f"$v{n}: Int", 1_200) + ") { __typename }"
    yield "600 operations", many(lambda n: f"query Q{n} {{ organization {{ name }} }}", 600)
    yield "a name of 1 MB", "{ " + "a" * 1_000_000 + " }"
    yield "a comment of 300 kB", "#" + "x" * 300_000 + "\n{ nothing }"
    yield "a string of 300 kB", '{ node(id: "' + "x" * 300_000 + '") { nothing } }'
    yield "introspection 100 deep", "{ __schema { types " + "{ fields { type " * 60 + "{ name }" + " } }" * 60 + " } }"
    yield "introspection, wide", "{ " + many(lambda n: f"s{n}: __schema {{ types {{ name }} }}", 30) + " }"

    yield "1,600 unknown arguments", "{ node(" + many(lambda n: f"a{n}: 1", 1_600) + ") { id } }"
    yield "1,600 equal arguments", "{ node(" + 'id: "x" ' * 1_600 + ") { id } }"
    yield "1,600 unknown input fields", creating(many(lambda n: f"a{n}: 1", 1_600))
    yield "1,600 equal input fields", creating('name: "x" ' * 1_600)
    yield "4,900 enum literals", creating('name: "x", permissions: [' + "READ_DATA " * 4_900 + "]")
    yield "4,900 unknown enum literals", creating('name: "x", permissions: [' + "READ_DATE " * 4_900 + "]")
    yield "4,900 ids", "{ nodes(ids: [" + '"x" ' * 4_900 + "]) { id } }"
    yield (
        "a filter of 4,900 numbers",
        '{ node(id: "x") { ... on Collection { documents(filter: {a: [' + "1 " * 4_900 + "]}) { totalCount } } } }",
    )
    yield "4,900 equal fields", "{ organization { " + "name " * 4_900 + "} }"
    yield "2,400 equal fields", "{ organization { " + "name " * 2_400 + "} }"
    yield "4,900 unknown fields", "{ organization { " + many(lambda n: f"f{n}", 4_900) + " } }"
    yield "2,400 unknown fields", "{ organization { " + many(lambda n: f"f{n}", 2_400) + " } }"
    yield "2,400 unknown fragments", "{ organization { " + many(lambda n: f"...F{n}", 2_400) + " } }"
    yield "600 unused fragments", "{ __typename } " + many(lambda n: f"fragment F{n} on Query {{ __typename }}", 600)
    shared = " fragment F on Query { organization { name } }"
    yield "95 operations with one fragment", many(lambda n: f"query Q{n} {{ {'...F ' * 18} }}", 95) + shared
    yield (
        "95 operations of 12 fields",
        many(lambda n: f"query Q{n} {{ organization {{ {'databases(first: 1) { totalCount } ' * 4} }} }}", 95),
    )
    yield "95 unused fragments", "{ __typename } " + many(lambda n: f"fragment F{n} on Query {{ __typename }}", 95)
    yield "600 directives of one variable", "query ($v: Boolean!) { __typename " + "@skip(if: $v) " * 600 + " }"
    yield "one variable 2,400 times", "query ($v: ID!) { nodes(ids: [" + "$v " * 2_400 + "]) { id } }"
    yield (
        "600 variables that are missing",
        f"query ({many(lambda n: f'$v{n}: ID!', 600)}) {{ nodes(ids: [{many(lambda n: f'$v{n}', 600)}]) {{ id }} }}",
    )
    yield "540 input objects", adding('{name: "a", type: TEXT} ' * 540)
    yield "2,400 empty input objects", adding("{} " * 2_400)


def variables() -> Iterator[tuple[str, str, dict[str, object]]]:
    """Names, documents and variables that are large where the types of the document count values, or where they do not."""
    ids = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    one = "query ($id: ID!) { node(id: $id) { id } }"
    role = "mutation ($i: CreateRoleInput!) { createRole(input: $i) { clientMutationId } }"
    columns = "mutation ($i: AddColumnsInput!) { addColumns(input: $i) { clientMutationId } }"
    yield "variable of 5,000,000 ids", ids, {"ids": [""] * 5_000_000}
    yield "variable of 20,000 ids", ids, {"ids": ["x"] * 20_000}
    yield "variable of 200,000 ids for one", one, {"id": ["x"] * 200_000}
    yield "variable of an object of 200,000 for an id", one, {"id": dict.fromkeys(map(str, range(200_000)), 1)}
    yield "200,000 undeclared variables", one, {"id": "x", **dict.fromkeys(map(str, range(200_000)), 1)}
    yield "variable of 19 MB for an id", one, {"id": "x" * 19_000_000}
    yield "variable of 19 MB for an enum", role, {"i": {"name": "a", "permissions": ["x" * 19_000_000]}}
    yield "variable of 20,000 enum values", role, {"i": {"name": "a", "permissions": ["READ_DATA"] * 20_000}}
    yield "variable of 20,000 unknown enum values", role, {"i": {"name": "a", "permissions": ["BOO"] * 20_000}}
    yield "variable with 200,000 unknown fields", role, {"i": dict.fromkeys(map(str, range(200_000)), 1)}
    yield "variable with 20,000 unknown fields", role, {"i": dict.fromkeys(map(str, range(20_000)), 1)}
    yield (
        "variable of 2,000 objects",
        columns,
        {"i": {"tableId": "x", "columns": [{"name": "a", "type": "TEXT"}] * 2_000}},
    )
    yield "variable of 200,000 objects", columns, {"i": {"tableId": "x", "columns": [{}] * 200_000}}


def creating(inputs: str) -> str:
    return f"mutation {{ createRole(input: {{{inputs}}}) {{ clientMutationId }} }}"


def adding(columns: str) -> str:
    return f'mutation {{ addColumns(input: {{tableId: "x", columns: [{columns}]}}) {{ clientMutationId }} }}'


def doubling(levels: int, leaf: str, between: str = "") -> str:
    """Each fragment spreads the next one twice: 2^levels leaves in linear text."""
    links = many(lambda n: f"fragment F{n} on Query {{ ...F{n + 1} {between} ...F{n + 1} }}", levels)
    return f"{{ ...F0 }} {links} fragment F{levels} on Query {{ {leaf} }}"


def many(made: Callable[[int], str], count: int) -> str:
    return " ".join(map(made, range(count)))


def nested(opening: bytes, closing: bytes) -> bytes:
    return opening * DEEP + closing * DEEP


if __name__ == "__main__":
    typer.run(main)
