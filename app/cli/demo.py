"""`vectorgate demo`: the main job with nothing but this machine; no account, no key, no network, no configuration."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from shlex import quote
from typing import Annotated, Any

import typer
import uvicorn
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.syntax import Syntax
from rich.table import Column, Table

from app.assembly import WAIT_SECONDS, build_gateway
from app.cli import listener, process
from app.cli.api import Api
from app.cli.corpus import Entry, docstrings
from app.cli.serve import options
from app.domain import access_token, organization
from app.gateway import Gateway
from app.main import create_app
from app.secret import new_token

DATABASE = "demo"
COLLECTION = "docstrings"
BATCH = 500
EXAMPLES = (
    "vectorgate demo",
    "vectorgate demo --once",
)
QUERIES = (
    "read a text file line by line",
    "compress bytes to save space",
    "run a function later, after some seconds",
    "compare two sequences and show the differences",
)
SETUP = """
query Setup($database: String!, $collection: String!) {
  organization { database(name: $database) { id collection(name: $collection) { id } } }
}"""
CREATE_DATABASE = """
mutation CreateDatabase($name: String!) { createDatabase(input: {name: $name}) { database { id } } }"""
CREATE_COLLECTION = """
mutation CreateCollection($databaseId: ID!, $name: String!) {
  createCollection(input: {databaseId: $databaseId, name: $name, embedding: {provider: "local", model: "wordllama-256"}}) {
    collection { id }
  }
}"""
INSERT = """
mutation Insert($collectionId: ID!, $documents: [JSONObject!]!) {
  insertDocuments(input: {collectionId: $collectionId, documents: $documents, onConflict: SKIP}) {
    insertedCount
    results { status message }
  }
}"""
SEARCH = """\
query Search($target: ID!, $query: String!) {
  vectorSearch(targetId: $target, query: $query, first: 3) {
    edges { similarity node { key fields } }
  }
}"""

console = Console()


class Server(uvicorn.Server):
    """The real server, in this process: it leaves signals to the command, and `ready` is set when it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(
    once: Annotated[bool, typer.Option("--once", help="Exit when the example searches are answered.")] = False,
    wait: process.Wait = WAIT_SECONDS,
) -> None:
    """Index the standard library's docstrings on the embedded database with the local model, and search them by meaning.

    The server stays up with its address and a token printed, unless --once is given.
    """
    process.end_on_signals()
    # Its own operations, and those that it shows, stand in nobody's file.
    settings = process.read_settings(quiet=True).model_copy(update={"trusted_documents": None})
    with listener.bound_or_free(settings.host, settings.port) as listening:
        if settings.port not in (0, listening.getsockname()[1]):
            console.print(f"Port {settings.port} is taken; this demo uses another one.")
        process.prepare(settings, wait)
        process.until_stopped(_demo(build_gateway(settings), listening, once=once))


async def _demo(gateway: Gateway, listening: socket.socket, *, once: bool) -> None:
    async with _serving(gateway, listening) as server:
        async with Api(listener.url(listening), await _token(gateway)) as api:
            collection_id = await _collection(api)
            await _index(api, collection_id)
            await _search(api, collection_id)
        if once:
            console.print("\nWithout --once the server stays up to be asked.")
        else:
            console.print(f"\nServing until Ctrl-C at [bold]{api.url}[/], with this access token for a day:")
            console.print(api.token, soft_wrap=True, highlight=False, markup=False)
            console.print("A browser that opens this address gets GraphiQL, with examples of everyday operations.")
            await asyncio.wait([server])  # which leaves the server to end in good order when this is cancelled


@asynccontextmanager
async def _serving(gateway: Gateway, listening: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """The task that serves; it is let finish at the end."""
    server = Server(uvicorn.Config(create_app(gateway), **options(gateway.settings)))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await server.ready.wait()
        yield task
    finally:
        server.should_exit = True
        await task


async def _token(gateway: Gateway) -> str:
    """A token for a day: the bootstrap token's secret is not kept anywhere."""
    secret, now = new_token(), datetime.now(UTC)
    first = await organization.bootstrap(gateway)
    async with gateway.postgres.catalogue.connection() as connection:
        await access_token.insert(
            connection,
            first.organization.id,
            f"demo {now.isoformat(timespec='microseconds')}",
            secret,
            [organization.ADMINISTRATOR],
            expires_at=now + timedelta(days=1),
        )
    return secret


async def _collection(api: Api) -> str:
    """The demo's collection, made where it is not there."""
    found = (await api(SETUP, database=DATABASE, collection=COLLECTION))["organization"]["database"]
    if found is None:
        found = (await api(CREATE_DATABASE, name=DATABASE))["createDatabase"]["database"]
    if found.get("collection") is None:
        created = await api(CREATE_COLLECTION, databaseId=found["id"], name=COLLECTION)
        return str(created["createCollection"]["collection"]["id"])
    return str(found["collection"]["id"])


async def _index(api: Api, collection_id: str) -> None:
    entries = list({entry.name: entry for entry in docstrings()}.values())
    columns = (TextColumn("Indexing docstrings"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    new = 0
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("indexing", total=len(entries))
        for start in range(0, len(entries), BATCH):
            batch = entries[start : start + BATCH]
            answer = await api(INSERT, collectionId=collection_id, documents=[_document(entry) for entry in batch])
            new += answer["insertDocuments"]["insertedCount"]
            progress.advance(task, len(batch))
    console.print(f"{len(entries)} docstrings indexed, {new} of them just now.\n")


def _document(entry: Entry) -> dict[str, Any]:
    text = f"{entry.name.rsplit('.', 1)[-1].replace('_', ' ')}: {entry.text}"
    return {"_id": entry.name, "module": entry.module, "kind": entry.kind, "$vectorize": text}


async def _search(api: Api, collection_id: str) -> None:
    table = Table("Query", Column("Nearest", overflow="fold"), "Similarity")
    for query in QUERIES:
        answer = await api(SEARCH, target=collection_id, query=query)
        _add(table, query, answer["vectorSearch"]["edges"])
    console.print(table)
    variables = {"target": collection_id, "query": QUERIES[0]}
    console.print("\nThe first of them in GraphQL, with its variables:")
    console.print(Syntax(SEARCH + "\n" + json.dumps(variables, indent=2), "graphql", background_color="default"))
    console.print("and with curl:")
    body = json.dumps({"query": " ".join(SEARCH.split()), "variables": variables})
    headers = f"-H 'Authorization: Bearer {api.token}' -H 'Content-Type: application/json'"
    console.print(f"curl -s {api.url} {headers} -d {quote(body)}", soft_wrap=True, highlight=False, markup=False)


def _add(table: Table, query: str, edges: Sequence[dict[str, Any]]) -> None:
    for rank, edge in enumerate(edges):
        table.add_row(
            "" if rank else query, edge["node"]["key"], f"{edge['similarity']:.3f}", end_section=rank == len(edges) - 1
        )
