"""Spans: who is whose parent, and that nothing secret and no text leaves with them."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from packaging.requirements import Requirement
from structlog.testing import capture_logs

from app.assembly import build_gateway
from app.main import create_app
from app.seeing.names import OTHER
from app.seeing.traces import ALLOWED, Traces
from app.seeing.tracing import ENDPOINTS, tracing
from app.settings import Settings
from app.web.server import protocols
from tests.conftest import KEYS
from tests.factory import INSERT, KEY, SEARCH, TOKEN, Api
from tests.fakes.openai import OpenAIFake
from tests.fakes.serving import serve
from tests.fakes.vendor import Fault

TEXT = "canarytext whale 4f1d"
PASTED = "vg_canarypasted5566778899aabbcc"


class Traced:
    """A gateway whose spans are kept in memory."""

    def __init__(self, api: Api, traces: Traces, exporter: InMemorySpanExporter) -> None:
        self.api = api
        self._traces = traces
        self._exporter = exporter

    @property
    def spans(self) -> list[ReadableSpan]:
        self._traces.flush()
        return list(self._exporter.get_finished_spans())

    def of(self, start: str) -> list[ReadableSpan]:
        return [each for each in self.spans if each.name.startswith(start)]

    def clear(self) -> None:
        self._traces.flush()
        self._exporter.clear()


@pytest.fixture
async def traced(database_url: str, openai: OpenAIFake) -> AsyncIterator[Traced]:
    given = {"database_url": database_url, "encryption_keys": KEYS, "bootstrap_token": TOKEN}
    gateway = build_gateway(Settings.model_validate(given | {"provider_urls": json.dumps({"openai": openai.url})}))
    exporter = InMemorySpanExporter()
    traces = Traces(exporter)
    async with (
        serve(create_app(gateway, traces=traces), **protocols(gateway.settings)) as url,
        Api(url, TOKEN) as api,
    ):
        yield Traced(api, traces, exporter)


def told(spans: list[ReadableSpan]) -> str:
    """All that leaves."""
    return "\n".join(each.to_json() for each in spans)


def is_child(child: ReadableSpan, parent: ReadableSpan) -> bool:
    assert parent.context is not None
    return child.parent is not None and child.parent.span_id == parent.context.span_id


async def test_statements_and_requests_to_providers_are_children_of_the_operation_and_that_of_the_request(
    traced: Traced,
) -> None:
    collection_id = await traced.api.openai_collection()
    await traced.api.insert(collection_id, {"$vectorize": "whale"})
    traced.clear()
    await traced.api(SEARCH, id=collection_id, query="whale")
    [request], [operation] = traced.of("POST /graphql"), traced.of("query Search")
    [provider] = [each for each in traced.of("POST") if each.name == "POST"]
    statements = [each for each in traced.spans if (each.attributes or {}).get("db.statement")]
    assert is_child(operation, request)
    assert is_child(provider, operation)
    assert len([each for each in statements if is_child(each, operation)]) >= 2
    assert [each for each in statements if is_child(each, request)]  # who asks
    assert (request.attributes or {})["http.response.status_code"] == 200
    assert (provider.attributes or {})["server.address"] == "127.0.0.1"
    assert dict(operation.resource.attributes)["service.name"] == "vectorgate"


def sampled(flags: str = "01") -> str:
    return f"00-{'a' * 32}-{'b' * 16}-{flags}"


async def test_a_client_s_span_is_linked_to_and_no_provider_hears_of_it(traced: Traced, openai: OpenAIFake) -> None:
    collection_id = await traced.api.openai_collection()
    traced.clear()
    openai.received.clear()
    traced.api.http.headers["traceparent"] = sampled()
    traced.api.http.headers["baggage"] = f"secret={PASTED}"
    await traced.api(SEARCH, id=collection_id, query="whale")
    [request] = traced.of("POST /graphql")
    assert request.context is not None
    assert f"{request.context.trace_id:x}" != "a" * 32
    assert request.parent is None
    assert [(f"{each.context.trace_id:x}", f"{each.context.span_id:x}") for each in request.links] == [
        ("a" * 32, "b" * 16)
    ]
    assert PASTED not in told(traced.spans)
    assert [name for each in openai.received for name in each.headers if name in ("traceparent", "baggage")] == []


@pytest.fixture
def unrecorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")


@pytest.mark.usefixtures("unrecorded")  # before `traced`
async def test_a_client_does_not_decide_that_it_is_recorded(traced: Traced) -> None:
    await traced.api.http.get("/graphql", headers={"traceparent": sampled()})
    assert traced.spans == []


async def test_nor_that_it_is_not_and_what_is_no_span_is_not_linked_to(traced: Traced) -> None:
    for flags in ("00", "no"):
        await traced.api.http.get("/graphql", headers={"traceparent": sampled(flags)})
    assert [len(each.links) for each in traced.of("GET")] == [1, 0]


async def test_nothing_secret_and_no_text_is_in_a_span(traced: Traced, database_url: str, openai: OpenAIFake) -> None:
    api = traced.api
    collection_id = await api.openai_collection()
    await api.http.get("/graphql", params={"query": f'{{ node(id: "{PASTED}") {{ id }} }}'})
    await api.post(f'query {PASTED} {{ node(id: "{PASTED}") {{ id }} }}')
    await api.http.post(f"/graphql/{PASTED}?token={PASTED}", headers={"x-api-key": PASTED})
    openai.faults.append(Fault(status=400, body={"error": {"message": f"{KEY} {TEXT}"}}))
    insertion = {"$vectorize": TEXT, "field": TEXT}
    await api.insert(collection_id, insertion)
    await break_a_table(database_url)
    assert (
        "INTERNAL"
        in (await api.post(INSERT, {"input": {"collectionId": collection_id, "documents": [insertion]}})).text
    )
    spans = traced.spans
    assert len(spans) > 20
    assert traced_names(spans) >= {OTHER}
    secrets = (KEY, TOKEN, PASTED, TEXT)
    assert [each for each in secrets if each in told(spans)] == []
    assert {name for each in spans for name in each.attributes or {}} <= ALLOWED
    assert [each for each in spans if each.events or each.links or each.status.description] == []


def traced_names(spans: list[ReadableSpan]) -> set[object]:
    return {(each.attributes or {}).get("graphql.operation.name") for each in spans}


async def break_a_table(database_url: str) -> None:
    """Writes fail, with words that quote the row."""
    connection = await asyncpg.connect(database_url)
    [table] = await connection.fetch(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables "
        "where schemaname not like all (array['vectorgate%', 'pg%', 'information_schema'])"
    )
    await connection.execute(f"alter table {table['name']} add constraint broken check (false) not valid")
    await connection.close()


# --- whether ---
def test_without_an_endpoint_nothing_is_traced() -> None:
    assert tracing({}) is None
    assert tracing({ENDPOINTS[0]: ""}) is None
    assert tracing({ENDPOINTS[0]: "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}) is None


@pytest.mark.parametrize("name", ENDPOINTS)
def test_with_one_everything_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    traces = tracing({name: "http://127.0.0.1:1"})
    assert isinstance(traces, Traces)
    traces.end()


def test_without_the_extra_the_log_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "app.seeing.traces")
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation.asyncpg", None)
    with capture_logs() as lines:
        assert tracing({ENDPOINTS[0]: "http://127.0.0.1:4318"}) is None
    (line,) = lines
    assert line["event"] == "traces_not_exported"
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    extra = [Requirement(each).name for each in project["optional-dependencies"]["traces"]]
    assert line["reason"] == f"install {', '.join(extra)}"


def test_what_is_off_is_not_even_imported() -> None:
    script = "import app.main, sys; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0  # noqa: S603
