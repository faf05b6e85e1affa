"""`vectorgate demo`: the main job with nothing but this machine; no account, no key, no network, no configuration."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
import uvicorn
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.syntax import Syntax
from rich.table import Table

from app.assembly import build_gateway
from app.cli import process
from app.cli.api import Api
from app.cli.corpus import Entry, docstrings
from app.cli.serve import STOP_SECONDS
from app.domain import access_token, organization
from app.gateway import Gateway
from app.main import create_app
from app.secret import new_token

DATABASE = "demo"
COLLECTION = "docstrings"
BATCH = 500
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


def run(
    once: Annotated[bool, typer.Option("--once", help="Exit when the example searches are answered.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """Index the standard library's docstrings on the embedded database with the local model, and search them by meaning.

    The server stays up with its address and a token printed, unless --once is given.
    """
    gateway = build_gateway(process.settings(quiet=True))
    asyncio.run(_demo(gateway, once=once))


async def _demo(gateway: Gateway, *, once: bool) -> None:
    async with _serving(gateway) as (url, server):
        api = Api(url, await _token(gateway))
        try:
            collection_id = await _collection(api)
            await _index(api, collection_id)
            await _search(api, collection_id)
        finally:
            await api.aclose()
        if not once:
            console.print(
                f"\nServing until Ctrl-C at [bold]{url}[/] with the access token [bold]{api.token}[/] (valid for a day)"
            )
            await server


@asynccontextmanager
async def _serving(gateway: Gateway) -> AsyncIterator[tuple[str, asyncio.Task[None]]]:
    """The real server, in this process: its URL and the task that it runs in."""
    settings = gateway.settings
    config = uvicorn.Config(
        create_app(gateway),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    try:
        while not server.started and not task.done():
            await asyncio.sleep(0.05)
        if task.done():
            await task
            raise typer.Exit(1)
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}/graphql", task
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
    table = Table("Query", "Nearest", "Similarity")
    for query in QUERIES:
        answer = await api(SEARCH, target=collection_id, query=query)
        _add(table, query, answer["vectorSearch"]["edges"])
    console.print(table)
    variables = {"target": collection_id, "query": QUERIES[0]}
    console.print("\nThe first of them in GraphQL, with its variables:")
    console.print(Syntax(SEARCH + "\n" + json.dumps(variables, indent=2), "graphql", background_color="default"))
    console.print("and with curl:")
    body = json.dumps({"query": " ".join(SEARCH.split()), "variables": variables})
    command = (
        f"curl -s {api.url} -H 'Authorization: Bearer {api.token}' -H 'Content-Type: application/json' -d '{body}'"
    )
    console.print(command, soft_wrap=True, highlight=False, markup=False)


def _add(table: Table, query: str, edges: Sequence[dict[str, Any]]) -> None:
    for rank, edge in enumerate(edges):
        table.add_row(
            "" if rank else query, edge["node"]["key"], f"{edge['similarity']:.3f}", end_section=rank == len(edges) - 1
        )
