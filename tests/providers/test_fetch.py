"""A document is fetched within bounds, from where it is said to be, and what goes wrong is told without quoting anything."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from providers.fetch import Fetched, FetchError, fetch
from providers.http_client import build_client
from tests.fakes.serving import serve


async def documents(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers by the path: a size, a redirect, a status; the query is the cache-control."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    request = Request(scope, receive)
    word = request.url.path.strip("/")
    assert request.headers["accept-encoding"] == "identity"
    headers = {"cache-control": request.query_params["cached"]} if "cached" in request.query_params else {}
    response = Response(b"x" * int(word) if word.isdigit() else b"", headers=headers)
    if word == "moved":
        response = Response(status_code=302, headers={"location": "/10"})
    elif word == "refused":
        response = Response(b"secret", status_code=401)
    await response(scope, receive, send)


async def test_a_document_has_at_most_so_many_bytes() -> None:
    async with serve(documents) as url, build_client() as client:
        assert await fetch(client, f"{url}/1000", most_bytes=1000) == Fetched(b"x" * 1000, None)
        with pytest.raises(FetchError, match=r"^its answer has more than 999 bytes$"):
            await fetch(client, f"{url}/1000", most_bytes=999)


@pytest.mark.parametrize(
    ("cached", "seconds"),
    [
        ("max-age=60", 60),
        ("public, Max-Age=3600, must-revalidate", 3600),
        ('max-age="5"', 5),
        ("s-maxage=7", None),
        ("no-cache", None),
        ("max-age=-1", None),
        ("max-age=soon", None),
    ],
)
async def test_how_long_it_may_be_kept_is_what_its_max_age_says(cached: str, seconds: int | None) -> None:
    async with serve(documents) as url, build_client() as client:
        assert (await fetch(client, f"{url}/1?cached={cached}", most_bytes=9)).max_age == seconds


@pytest.mark.parametrize(("path", "status"), [("moved", 302), ("refused", 401)])
async def test_only_an_answer_of_its_own_counts_and_redirects_are_not_followed(path: str, status: int) -> None:
    async with serve(documents) as url, build_client() as client:
        with pytest.raises(FetchError, match=f"^it answered with HTTP status {status}$"):
            await fetch(client, f"{url}/{path}", most_bytes=9)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/away", "https://no-such-host.invalid/", "http://[::1/", "ftp://127.0.0.1/"]
)
async def test_who_cannot_be_reached_is_told_without_the_address(url: str) -> None:
    async with build_client() as client:
        with pytest.raises(FetchError, match=r"^it cannot be reached \(\w+\)$"):
            await fetch(client, url, most_bytes=9)
