"""Nothing secret comes out: canaries are put wherever people put secrets, and every output is searched for them.

The gateway is the real command in a process of its own, at the level `debug`, so that every library's log lines are there.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest

from tests.app.cli.support import ROOT, Vectorgate
from tests.factory import INSERT, SEARCH, Api, Running, Statements
from tests.fakes.openai import OpenAIFake
from tests.fakes.vendor import Fault
from tests.resolvers import test_audit_event
from tests.resolvers.documents import REMOVE, ROLL_BACK, ROTATE, TEST, openai
from tests.resolvers.jobs import MIGRATE
from tests.socket_client import socket

KEY = "sk-canaryfirst0a1b2c3d4e5f6071"
NEXT_KEY = "sk-canarysecond9f8e7d6c5b4a3928"
PASTED = "sk-canarypasted5566778899aabbcc"
TOKEN = "vg_canarytoken0123456789abcdefghijklmnopqrs"
JWT = "eyJjYW5hcnkiOjF9.eyJzdWIiOiJjYW5hcnkifQ.canarysignature0123456789"
SEALING = base64.b64encode(b"canary-of-the-sealing-key-32byte").decode()
NEW_SEALING = base64.b64encode(b"canary-of-the-newer-key--32bytes").decode()
PASSWORD = "canarypassword77aa88bb"
SECRETS = (KEY, NEXT_KEY, PASTED, TOKEN, JWT, SEALING, NEW_SEALING, PASSWORD)
TEXT = "canarytext whale 4f1d"
"""What users store and search for: it may be answered, and stored with their data, and be nowhere else."""

ADD = "mutation A($input: AddCredentialInput!) { addCredential(input: $input) { credential { id } } }"
IDS = "mutation R($id: ID!) { rollBackCredential(input: {credentialId: $id}) { credential { id } } }"
HOSTILE: tuple[tuple[str, object], ...] = (
    (ADD, {"input": {"provider": "openai", "name": PASTED, "apiKey": KEY}}),
    (ADD, {"input": {"provider": PASTED, "name": "name", "apiKey": KEY}}),
    (ADD, {"input": {"provider": "openai", "name": "name", "apiKey": [PASTED]}}),
    (ADD, {"input": {"provider": "openai", "name": "name", "apiKey": {"key": PASTED}}}),
    (ADD, {"input": {"provider": "openai", "name": "name", "apikey": PASTED}}),
    (ADD, {"input": {"provider": "openai", "name": "name", "apiKey": KEY, "databaseIds": [PASTED]}}),
    (ADD, {"input": PASTED}),
    (ADD, [PASTED]),
    (ADD, PASTED),
    (ADD, {}),
    (IDS, {"id": PASTED}),
    (IDS, {"id": {"id": PASTED}}),
    (ADD.replace("$input)", f'"{PASTED}")'), {}),
    (ADD.replace("input: $input", f'inputs: {{apiKey: "{PASTED}"}}'), {}),
    (ADD.replace("$input)", f'{{provider: "openai", name: "n", apiKey: {{k: "{PASTED}"}}}})'), {}),
    (ADD.replace("$input)", f'{{provider: "openai", name: 1, secret: "{PASTED}"}})'), {}),
    (f'mutation {{ addCredential(input: {{provider: "openai", name: "n", apiKey: "{PASTED}', {}),
    (f"mutation {{ addCredential(input: {{apiKey: '{PASTED}'}}) }}", {}),
    (f'{{ node(id: "{PASTED}") {{ id }} }}', {}),
    (f'{{ organization {{ auditLog(after: "{PASTED}", targetId: "{JWT}") {{ totalCount }} }} }}', {}),
    (f'{{ organization {{ auditLog(first: "{PASTED}") {{ totalCount }} }} }}', {}),
    (f'mutation {{ createAccessToken(input: {{name: "n", roles: ["{PASTED}"]}}) {{ secret }} }}', {}),
    (f'mutation {{ createDatabase(input: {{name: "{PASTED}"}}) {{ database {{ id }} }} }}', {}),
    (f'mutation {{ createDatabase(input: {{name: "other", region: "{PASTED}"}}) {{ database {{ id }} }} }}', {}),
    (f'mutation {{ createRole(input: {{name: "n", permissions: ["{PASTED}"]}}) {{ role {{ id }} }} }}', {}),
)
"""Requests with a secret in the wrong place: each is refused."""


COLUMNS = "select attname as name from pg_attribute where attrelid = $1 and attnum > 0 and atttypid = 'jsonb'::regtype"


def forms(secret: str) -> Iterator[str]:
    """How a secret may look in an output."""
    yield secret
    yield base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]
    yield secret.encode().hex()
    yield quote(secret, safe="")


def found(output: str, *canaries: str) -> list[str]:
    """The canaries that are in an output, each with what stands around it."""
    return [
        f"{canary}: …{output[max(0, output.find(form) - 200) : output.find(form) + 60]}…"
        for canary in canaries
        for form in sorted(set(forms(canary)))
        if form in output
    ]


Start = Callable[..., Awaitable[Vectorgate]]


@pytest.fixture
async def start(database_url: str) -> AsyncIterator[Start]:
    """Starts the command with secrets of its own, at the level debug."""
    started: list[Vectorgate] = []

    async def command(*arguments: str, **more: str) -> Vectorgate:
        settings = {"DATABASE_URL": database_url, "ENCRYPTION_KEYS": f"k1:{SEALING}", "BOOTSTRAP_TOKEN": TOKEN}
        settings |= {"PORT": "0", "LOG_LEVEL": "debug", "LOG_FORMAT": "json", "PROVIDER_DEADLINE_SECONDS": "2"} | more
        environment = os.environ | {f"VECTORGATE_{name}": value for name, value in settings.items()}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-X", "dev", "-m", "app", *arguments,
            cwd=ROOT, env=environment, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True,
        )  # fmt: skip
        started.append(Vectorgate(process))
        return started[-1]

    yield command
    for each in started:
        await each.kill()


class Heard:
    """Every answer that was given, as text."""

    def __init__(self) -> None:
        self.text = ""

    async def note(self, response: httpx.Response) -> None:
        await response.aread()
        self.text += f"{dict(response.headers)} {response.text}\n"


@pytest.fixture
async def vault(openai: OpenAIFake) -> OpenAIFake:
    openai.keys |= {KEY, NEXT_KEY}
    return openai


def echoing(status: int, **more: Any) -> Fault:  # noqa: ANN401 - of Fault
    """A provider that quotes the key in every place that it has."""
    said = f"Bad key {KEY}, https://user:{KEY}@api.example/?api_key={KEY}&k={quote(KEY, safe='')}"
    body = {"error": {"message": said, "type": KEY, "param": KEY, "code": KEY}}
    headers = {"x-request-key": KEY, "location": f"http://127.0.0.1:1/?key={KEY}", "retry-after": "0"}
    return Fault(status=status, body=body, headers=headers, **more)


FAULTS = (
    *(echoing(status) for status in (400, 401, 401, 403, 404, 413, 422, 429, 302, 307)),
    *(Fault(status=500, body=f"<html>{KEY}</html>", content_type="text/html") for _ in range(9)),
    Fault(edit=lambda _: {"data": KEY, "model": KEY}),
    Fault(edit=lambda _: {"data": [{"embedding": [KEY], "index": KEY}]}),
    Fault(cut=9),
    Fault(hang=True),
    Fault(reset=True),
)


async def provoke(api: Api, vault: OpenAIFake, credential: str, collection: str) -> None:
    """Every way in which a provider fails, at a search, an insertion, a test and a rotation."""
    asked = {"credentialId": credential, "apiKey": NEXT_KEY, "validate": True}
    insertion = {"collectionId": collection, "documents": [{"$vectorize": TEXT, "field": TEXT}]}
    for number, fault in enumerate(FAULTS):
        for document, variables in (
            (SEARCH, {"id": collection, "query": f"{TEXT} {number}"}),
            (INSERT, {"input": insertion}),
            (TEST, {"id": credential}),
            (ROTATE, {"input": asked}),
        )[number % 2 :: 2]:
            vault.faults.extend([fault] * (1 if fault.hang or fault.status in (400, 401, 404) else 2))
            await api.post(document, variables)
            vault.faults.clear()


async def hostile(api: Api, heard: Heard) -> None:
    """What is refused, on all three transports, and tokens that are none."""
    for document, variables in HOSTILE:
        body = {"query": document, "variables": variables, "operationName": PASTED if variables == {} else None}
        answer = await api.http.post("/graphql", json=body)
        assert answer.json()["errors"], (document, variables)
        await api.http.post("/graphql", json={**body, "operationName": None})
        await api.http.get("/graphql", params={"query": document, "variables": json.dumps(variables)})
        await api.http.post("/graphql/stream", json=body, headers={"accept": "text/event-stream"})
    for content in (f'{{"query": "{PASTED}', f'["{PASTED}"]', f'{{"query": 1, "{PASTED}": "{PASTED}"}}', PASTED):
        for path in ("/graphql", "/graphql/stream"):
            await api.http.post(path, content=content, headers={"content-type": "application/json"})
    for token in (PASTED, JWT, f"Bearer {PASTED}", f"{TOKEN}x"):
        for path in ("/graphql", "/graphql/stream", f"/graphql?token={PASTED}", f"/{PASTED}"):
            headers = {"authorization": f"Bearer {token}", "x-api-key": PASTED, "cookie": f"session={PASTED}"}
            await api.http.post(path, json={"query": "{ viewer { roles } }"}, headers=headers)
    await hostile_sockets(api, heard)


async def hostile_sockets(api: Api, heard: Heard) -> None:
    """The same over sockets, and what only they can be told."""
    async with socket(api.url) as client:
        await client.init(TOKEN)
        for number, (document, variables) in enumerate(HOSTILE):
            if isinstance(variables, dict):
                await client.ask(str(number), document, **variables)
                while (message := await client.heard())["type"] not in ("error", "complete"):
                    heard.text += json.dumps(message)
                heard.text += json.dumps(message)
    async with socket(api.url) as client:
        await client.init(TOKEN)
        for _ in range(2):
            await client.ask(PASTED, "subscription { auditEvents { action } }")
        assert (await client.closed())[0] == 4409, "the client's own id is told to it, and to nobody else"
    for payload in ({"token": PASTED}, {"token": [PASTED]}, {"Authorization": f"Bearer {JWT}"}, PASTED):
        async with socket(api.url) as client:
            await client.say("connection_init", payload=payload)
            heard.text += str(await client.closed())
    async with socket(api.url) as client:
        await client.connection.send(f'{{"type": "{PASTED}", "payload": "{PASTED}"')
        heard.text += str(await client.closed())


async def break_the_tables(api: Api, sql: asyncpg.Connection[asyncpg.Record], collection: str) -> None:
    """Faults of PostgreSQL that quote rows and values, and faults of ours."""
    [row] = await sql.fetch("select c.oid, n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
                            "where c.relkind = 'r' and n.nspname not like 'vectorgate%' and n.nspname not like 'pg%' "
                            "and n.nspname <> 'information_schema' order by c.oid limit 1")  # fmt: skip
    insertion = {"collectionId": collection, "documents": [{"field": TEXT, "key": PASTED}]}
    table = f'"{row["nspname"]}"."{row["relname"]}"'
    await sql.execute(f"alter table {table} add constraint broken check (false) not valid")
    refused = (await api.post(INSERT, {"input": insertion})).json()
    assert "INTERNAL" in json.dumps(refused)
    await sql.execute(f"alter table {table} drop constraint broken")
    for column in await sql.fetch(COLUMNS, row["oid"]):
        await sql.execute(f'alter table {table} rename "{column["name"]}" to "gone_{column["name"]}"')
    assert "INTERNAL" in (await api.post(INSERT, {"input": insertion})).text
    asked = {"id": collection, "vector": [1.0] * 64, "filter": {"field": TEXT, "key": PASTED}}
    assert "errors" in (await api.post(SEARCH, asked)).json()
    await sql.execute("alter table vectorgate.credential rename hint to gone")
    assert "INTERNAL" in (await api.post(ADD, {"input": {"provider": "openai", "name": "x", "apiKey": KEY}})).text
    await sql.execute("alter table vectorgate.credential rename gone to hint")
    await sql.execute("update vectorgate.credential set sealed = sealed || 'x'")
    assert "INTERNAL" in (await api.post(SEARCH, {"id": collection, "query": TEXT})).text


async def stored(sql: asyncpg.Connection[asyncpg.Record], *, ours: bool) -> str:
    """Every row of every table as text: of the catalogue and the regions' own schemas, or of all."""
    tables = await sql.fetch(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables "
        "where schemaname not in ('pg_catalog', 'information_schema') and (schemaname like 'vectorgate%' or not $1)", ours
    )  # fmt: skip
    rows = [await sql.fetch(f"select t::text as row from {table['name']} t") for table in tables]  # noqa: S608 - names from PostgreSQL
    return "\n".join(row["row"] for each in rows for row in each)


async def activity(sql: asyncpg.Connection[asyncpg.Record]) -> str:
    """The texts of the statements of this database's sessions."""
    return "\n".join(row["query"] for row in await sql.fetch("select query from pg_stat_activity"))


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_no_secret_and_no_text_leaves_by_any_way_but_its_own(
    start: Start, database_url: str, vault: OpenAIFake, log_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("KEY", KEY), ("SECOND_KEY", NEXT_KEY), ("CANARY", TEXT)):
        monkeypatch.setattr(test_audit_event, name, value)
    heard = Heard()
    served = await start("serve", LOG_FORMAT=log_format, PROVIDER_URLS=json.dumps({"openai": vault.url}))
    address = await served.err.until(r"http://127\.0\.0\.1:\d+")
    await served.err.until("Application startup complete")
    sql = await asyncpg.connect(database_url)
    async with Api(address[0], TOKEN) as api:
        await test_audit_event.live(Running(api.url, None, api, Statements(), vault))  # type: ignore[arg-type] # no gateway is in this process
        api.http.event_hooks["response"] = [heard.note]
        await drive(api, vault, heard, sql)
        activities = await activity(sql)
        metrics = (await api.http.get("/metrics")).text
    await served.kill()
    assert "Traceback" in served.err.text
    logs = served.out.text + served.err.text
    assert found(logs, *SECRETS, TEXT) == []
    assert found(heard.text, *SECRETS) == []
    assert found(activities, *SECRETS, TEXT) == []
    assert "vectorgate_operations_total" in metrics
    assert found(metrics, *SECRETS, TEXT) == []
    assert found(await stored(sql, ours=True), *SECRETS, TEXT) == []
    await sql.close()


async def drive(api: Api, vault: OpenAIFake, heard: Heard, sql: asyncpg.Connection[asyncpg.Record]) -> None:
    """Work, misuse, trouble, and the end of a credential."""
    library = await api.database("trouble")
    credential = await api.credential("troubled", key=KEY, databases=(library,))
    embedding = openai(credential="troubled")
    collection = await api.collection(library, "books", embedding=embedding)
    await api.insert(collection, {"_id": 1, "$vectorize": TEXT}, idempotencyKey="an-idempotency-key")
    await hostile(api, heard)
    await provoke(api, vault, credential, collection)
    vault.faults.extend([echoing(400)] * 3)
    other = openai(credential="troubled", model="text-embedding-3-large", dimension=256)
    moved = await api(MIGRATE, input={"collectionId": collection, "name": "newer", "embedding": other})
    ended = await api.ended(moved["migrateCollection"]["job"]["id"])
    assert (ended["status"], ended["errorCode"]) == ("FAILED", "EMBEDDING_PROVIDER_CLIENT_ERROR")
    vault.faults.clear()
    await api(ROTATE, input={"credentialId": credential, "apiKey": NEXT_KEY})
    await api(ROLL_BACK, id=credential)
    await break_the_tables(api, sql, collection)
    await api.post(REMOVE, {"id": credential, "name": PASTED})


async def test_the_commands_print_no_secret_either(start: Start, database_url: str, vault: OpenAIFake) -> None:
    served = await start("serve", PROVIDER_URLS=json.dumps({"openai": vault.url}))
    async with Api(await served.serving(), TOKEN) as api:
        await api.credential(key=KEY)
    away = json.dumps({"openai": f"http://127.0.0.1:1/?key={PASTED}"})
    ring = f"k2:{NEW_SEALING},k1:{SEALING}"
    nowhere = f"postgresql://nobody:{PASSWORD}@127.0.0.1:1/away"
    for arguments, settings in (
        (("doctor",), {"PROVIDER_URLS": away}),
        (("doctor",), {"ENCRYPTION_KEYS": f"k2:{NEW_SEALING}"}),
        (("doctor",), {"DATABASE_URL": nowhere}),
        (
            ("doctor",),
            {"DATABASE_URL": f"mysql://x:{PASSWORD}@h/d", "ENCRYPTION_KEYS": SEALING, "BOOTSTRAP_TOKEN": PASTED + "\n"},
        ),
        (("keys", "rotate"), {"ENCRYPTION_KEYS": f"k2:{NEW_SEALING}"}),
        (("keys", "rotate"), {"ENCRYPTION_KEYS": ring}),
        (("serve",), {"ENCRYPTION_KEYS": f"k3:{NEW_SEALING}"}),
        (("serve", "--wait", "0"), {"DATABASE_URL": nowhere}),
        (("migrate", "--wait", "0"), {"DATABASE_URL": nowhere}),
    ):
        ended = await (await start(*arguments, **settings)).ended()
        assert found(ended.out + ended.err, *SECRETS) == [], arguments
    sql = await asyncpg.connect(database_url)
    assert found(await stored(sql, ours=False), *SECRETS) == []
    await sql.close()
