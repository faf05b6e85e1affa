"""What documents made to hurt cost the gateway: CPU from the text of a request to its refusal.

`uv run python -m bench.bombs`: no server and no database; the real schema, the default limits, the slowest of some runs.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Iterator
from statistics import median

import orjson
import structlog
import typer
from rich.console import Console
from rich.table import Table

from app.errors import BadInput
from app.web.message import asked, parse_json
from bench import machine
from resolvers.operation.execution import Answer, Executor
from resolvers.operation.limits import RequestLimits
from resolvers.schema import build_schema

RUNS = 5
LEVELS = 150
DEEP = 4_000
NODE = "node(id: $id) { ... on Collection { documents(filter: $f) { totalCount } } }"


def main() -> None:
    """Print the table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    typer.echo(machine.line())
    table = Table("bomb", "size in kB", "ms of CPU", "of the median run", "refusal")
    schema = build_schema()
    gc.freeze()  # the schema, which a collection in a timed run would look through
    for name, body in bombs():
        timings, refusal = [], ""
        for _ in range(RUNS):
            executor = Executor(schema, RequestLimits())  # with nothing kept from the run before
            begun = time.process_time()
            refusal = refused(executor, body)
            timings.append((time.process_time() - begun) * 1000)
        table.add_row(name, f"{len(body) / 1000:.1f}", f"{max(timings):.1f}", f"{median(timings):.1f}", refusal)
    Console(width=140).print(table)


def refused(executor: Executor, body: bytes) -> str:
    """The code and the message that a request body is refused with, before anything is run."""
    try:
        prepared = executor.prepare(asked(parse_json(body, "The body")), "bomb")
    except BadInput as error:
        return f"{error.code}: {error.message[:80]}"
    if not isinstance(prepared, Answer):
        return "NOT REFUSED"
    return f"{prepared.errors[0]['extensions']['code']}: {prepared.errors[0]['message'][:80]}"


def bombs() -> Iterator[tuple[str, bytes]]:
    """Names and request bodies."""
    for name, document in documents():
        yield name, orjson.dumps({"query": document})
    yield "batch of 10,000 operations", orjson.dumps([{"query": "{ __typename }"}] * 10_000)
    yield "JSON nested 4,000 deep", b'{"query": "{ __typename }", "variables": ' + nested(b"[", b"]") + b"}"
    for name, filter_ in (("filter", "[" * DEEP + "]" * DEEP), ("objects", '{"a":' * DEEP + "1" + "}" * DEEP)):
        variables = f'{{"id": "x", "f": {filter_}}}'.encode()
        query = orjson.dumps(f"query ($id: ID!, $f: JSONObject) {{ {NODE} }}")
        yield f"variable of {name} nested 4,000 deep", b'{"query": ' + query + b', "variables": ' + variables + b"}"


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
