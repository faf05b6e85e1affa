"""The pooled HTTP client that providers share: no redirects, no cookies, nothing of the environment but certificates.

It is httpx on aiohttp's connections, which need a ninth of the time of httpx's own when many requests are in flight.
"""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
"""Longest silence of a provider; some are slow when cold. The whole of a call is bounded by the sender's deadline."""
KEEP_ALIVE_SECONDS = 30.0
USER_AGENT = "vectorgate"


class _Transport(AiohttpTransport):
    """Sets what its base class leaves to aiohttp, and turns the errors that it lets through into httpx's."""

    def get_client(self) -> aiohttp.ClientSession:
        """Called at the first request, since it needs the running loop.

        Connections have no limit here: lanes bound them, and a common one would let a slow provider starve the others.
        """
        connector = aiohttp.TCPConnector(limit=0, ssl=self.ssl_context, keepalive_timeout=KEEP_ALIVE_SECONDS)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except aiohttp.ClientError as fault:
            raise httpx.RemoteProtocolError("the reply is not HTTP") from fault


def build_client(*, connect_seconds: float = CONNECT_SECONDS, read_seconds: float = READ_SECONDS) -> httpx.AsyncClient:
    """A client for one event loop; close it with `aclose()`.

    The environment's proxies and .netrc are not read: either would change where, or with which secret, a request goes.
    """
    return httpx.AsyncClient(
        transport=_Transport(),
        timeout=httpx.Timeout(read_seconds, connect=connect_seconds),
        headers={"User-Agent": USER_AGENT},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )
