"""One small document from a fixed address, bounded in size: for what describes a service, not for what it is used for."""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx

HEADERS = {"accept": "application/json", "accept-encoding": "identity"}
"""Not compressed: what is counted is what came."""


class FetchError(Exception):
    """There is no document; the message says why, without the address and without what was answered."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was answered, and for how many seconds it may be kept; None: it does not say."""

    body: bytes
    max_age: int | None


async def fetch(client: httpx.AsyncClient, url: str, *, most_bytes: int) -> Fetched:
    """The document at `url`; a redirect is not followed. Bound its time around it. Raises FetchError."""
    try:
        async with client.stream("GET", url, headers=HEADERS, follow_redirects=False) as response:
            if response.status_code != 200:
                raise FetchError(f"it answered with HTTP status {response.status_code}")
            return Fetched(await _body(response, most_bytes), _max_age(response.headers.get("cache-control", "")))
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as fault:
        raise FetchError(f"it cannot be reached ({type(fault).__name__})") from None


async def _body(response: httpx.Response, most_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > most_bytes:
            raise FetchError(f"its answer has more than {most_bytes} bytes")
    return bytes(body)


def _max_age(cache_control: str) -> int | None:
    found = re.search(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,9})", cache_control.lower())
    return int(found[1]) if found else None
