"""The page and its files: what each is answered with, how long it may be kept, and that there is nothing else to be had."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from structlog.testing import capture_logs

from app.web.graphql import GraphQLEndpoint
from app.web.middleware import NOWHERE, RequestMiddleware
from app.web.page import FILE_PATH, FILE_POLICY, PAGE_POLICY, graphiql, graphiql_files
from tests.app.web.support import EXECUTOR, LIMIT, Doorkeeper
from tests.factory import Run

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
SCRIPT = b"console.log('ready')"
PAGE = b"<!doctype html><title>GraphiQL</title>"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder as the build leaves it, and a file beside it that is nobody's business."""
    (tmp_path / "secret.js").write_bytes(b"key")
    folder = tmp_path / "console"
    folder.mkdir()
    (folder / "index.html").write_bytes(PAGE)
    (folder / "licenses.md").write_bytes(b"MIT")
    (folder / "made-from").write_bytes(b"digest")
    (folder / ".hidden.js").write_bytes(b"hidden")
    for name in ("index-a1B_.js", "index-c2.css", "codicon-d3.ttf"):
        (folder / name).write_bytes(SCRIPT)
        (folder / f"{name}.gz").write_bytes(gzip.compress(SCRIPT))
    return folder


@pytest.fixture
async def browser(built: Path) -> AsyncIterator[httpx.AsyncClient]:
    endpoint = GraphQLEndpoint(EXECUTOR, Doorkeeper(), max_body_bytes=LIMIT, timeout_seconds=30, page=graphiql(built))
    routes = [Route("/graphql", endpoint), Route(FILE_PATH, graphiql_files(built))]
    transport = httpx.ASGITransport(RequestMiddleware(Starlette(routes=routes)))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=BROWSER) as opened:
        yield opened


async def test_the_page_is_asked_for_anew_and_sent_when_it_has_changed(browser: httpx.AsyncClient, built: Path) -> None:
    page = await browser.get("/graphql")
    assert (page.status_code, page.content) == (200, PAGE)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert (page.headers["cache-control"], page.headers["vary"]) == ("no-cache", "accept")
    known = {"if-none-match": f'"other", W/{page.headers["etag"]}'}
    same = await browser.get("/graphql", headers=known)
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", page.headers["etag"])
    (built / "index.html").write_bytes(PAGE + b"<p>new</p>")
    changed = await browser.get("/graphql", headers=known)
    assert (changed.status_code, changed.content) == (200, PAGE + b"<p>new</p>")


async def test_the_page_s_policy_lets_in_what_comes_from_here_and_no_code_in_the_page(
    browser: httpx.AsyncClient,
) -> None:
    headers = (await browser.get("/graphql")).headers
    assert headers["content-security-policy"] == PAGE_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    sources = dict(each.split(" ", 1) for each in PAGE_POLICY.split("; "))
    assert sources["default-src"] == sources["base-uri"] == sources["frame-ancestors"] == "'none'"
    assert sources["script-src"] == sources["worker-src"] == sources["connect-src"] == "'self'"
    assert "//" not in PAGE_POLICY


@pytest.mark.parametrize(
    ("name", "media"),
    [
        ("index-a1B_.js", "text/javascript; charset=utf-8"),
        ("index-c2.css", "text/css; charset=utf-8"),
        ("codicon-d3.ttf", "font/ttf"),
    ],
)
async def test_a_file_is_kept_forever_and_compressed_for_who_takes_it(
    browser: httpx.AsyncClient, name: str, media: str
) -> None:
    path = f"/graphql/console/{name}"
    small = await browser.get(path, headers={"accept-encoding": "br, gzip"})
    plain = await browser.get(path, headers={"accept-encoding": "identity"})
    assert (small.headers.get("content-encoding"), plain.headers.get("content-encoding")) == ("gzip", None)
    assert small.headers["etag"] != plain.headers["etag"]
    for each in (small, plain):
        assert (each.status_code, each.content, each.headers["content-type"]) == (200, SCRIPT, media)
        assert each.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert each.headers["vary"] == "accept-encoding"
        assert each.headers["content-security-policy"] == FILE_POLICY
        assert each.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/graphql", "/graphql/console/index-c2.css"])
async def test_head_is_answered_as_get_without_a_body(browser: httpx.AsyncClient, path: str) -> None:
    got, headed = await browser.get(path), await browser.head(path)
    assert (headed.status_code, headed.headers["content-length"]) == (200, got.headers["content-length"])
    for name in ("etag", "cache-control", "content-type", "content-security-policy"):
        assert headed.headers[name] == got.headers[name]


async def test_other_methods_are_refused(browser: httpx.AsyncClient) -> None:
    refused = await browser.post("/graphql/console/index-c2.css")
    assert (refused.status_code, set(refused.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})


@pytest.mark.parametrize(
    "name",
    [
        "index-gone.js",
        "index.html",
        "licenses.md",
        "made-from",
        "index-c2.css.gz",
        ".hidden.js",
        "../secret.js",
        "..%2fsecret.js",
        "%2e%2e%2fsecret.js",
        "%2e%2e/secret.js",
        "..%5csecret.js",
        "%2fetc%2fpasswd",
        "index-c2.css%00.js",
        "a/index-c2.css",
    ],
)
async def test_nothing_else_is_to_be_had_and_the_log_does_not_repeat_it(browser: httpx.AsyncClient, name: str) -> None:
    with capture_logs() as lines:
        answer = await browser.get(httpx.URL("http://gateway", raw_path=f"/graphql/console/{name}".encode()))
    assert (answer.status_code, answer.text) == (404, "Not Found")
    assert answer.headers["cache-control"] == "no-store"
    assert [line["path"] for line in lines] == [NOWHERE]


async def test_without_built_files_a_plain_page_says_how_to_build_them(browser: httpx.AsyncClient, built: Path) -> None:
    shutil.rmtree(built)
    page = await browser.get("/graphql")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "python3 console/build.py" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "http" not in page.text


async def test_clients_of_the_api_are_answered_as_without_a_page(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/graphql", json={"query": '{ echo(text: "x") }'})
    assert answer.json() == {"data": {"echo": "x"}}
    assert (await browser.get("/graphql", headers={"accept": "application/json"})).status_code == 400


async def test_graphiql_can_be_turned_off(run: Run) -> None:
    on, off = await run(), await run(graphiql=False)
    page = await on.api.http.get("/graphql", headers={**BROWSER, "authorization": ""})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert (await off.api.http.get("/graphql", headers={**BROWSER, "authorization": ""})).status_code == 401
    assert (await off.api.http.get("/graphql/console/index.js")).status_code == 404
    assert (await off.api("{ organization { name } }"))["organization"] == {"name": "default"}
