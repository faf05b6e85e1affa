"""The shared client keeps nothing between requests and takes nothing from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from providers.http_client import build_client
from tests.fakes.serving import serve


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers the headers and the port it got, sets a cookie, and redirects what is sent to /away."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    request = Request(scope, receive)
    response: Response = JSONResponse({**request.headers, "port": request.client and request.client.port})
    if request.url.path == "/away":
        response = Response(status_code=307, headers={"location": "/"})
    response.set_cookie("session", "1")
    await response(scope, receive, send)


async def test_cookies_are_not_kept() -> None:
    async with serve(echo) as url, build_client() as client:
        await client.post(url)
        assert "cookie" not in (await client.post(url)).json()


async def test_redirects_are_not_followed() -> None:
    async with serve(echo) as url, build_client() as client:
        assert (await client.post(f"{url}/away")).status_code == 307


async def test_neither_proxies_nor_netrc_of_the_environment_are_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with serve(echo) as url, build_client() as client:
        assert "authorization" not in (await client.post(url)).json()


async def test_connections_are_kept_for_the_next_request() -> None:
    async with serve(echo) as url, build_client() as client:
        assert len({(await client.post(url)).json()["port"] for _ in range(3)}) == 1
