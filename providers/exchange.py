"""One request and its reply: the only place that touches the network. No retry, no batching, no waiting in line."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import orjson

from providers.base import EmbeddingRequest, HttpProvider, Outgoing
from providers.embedding import Matrix
from providers.errors import (
    ProviderBadHostNameError,
    ProviderError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    ProviderUnexpectedResponseError,
)
from providers.replies import Answer, read
from providers.secret import Secret
from providers.usage import Usage

MAX_REPLY_BYTES = 256 * 1024 * 1024
"""More than anything that was asked for: 2,048 vectors of 3,072 decimal numbers are about 130 MB."""

_NO_SUCH_HOST = (socket.gaierror, httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError)
"""Unknown to the resolver, or not even a name: UnicodeError is how Python refuses a label of 64 characters."""


async def exchange(
    client: httpx.AsyncClient, provider: HttpProvider, request: EmbeddingRequest, secret: Secret
) -> tuple[Matrix, Usage]:
    """The verified vectors of `request`, shape (texts, dimension), and what they cost. Raises a ProviderError."""
    answer = await _send(client, provider, provider.build(request, secret))
    return read(provider, request, answer, secret)


async def _send(client: httpx.AsyncClient, provider: HttpProvider, outgoing: Outgoing) -> Answer:
    """httpx's errors hold the request and so the secret: replaced outside their handler, they are in no traceback."""
    try:
        sending = client.stream("POST", outgoing.url, headers=outgoing.headers, content=orjson.dumps(outgoing.body))
        async with sending as response:
            return Answer(response.status_code, response.headers, await _body(response))
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as fault:
        failure = _failure(provider, fault)
    raise failure


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_REPLY_BYTES:
            raise httpx.RemoteProtocolError("the reply is too large")
    return bytes(body)


def _failure(provider: HttpProvider, fault: Exception) -> ProviderError:
    """Told apart by what lies underneath: the transport calls even a refused connection a ConnectTimeout."""
    name = provider.display_name
    causes = tuple(_causes(fault))
    if any(isinstance(cause, _NO_SUCH_HOST) and not _passes(cause) for cause in causes):
        message = f"The host name of {name} does not exist: look at the parameters or settings that it is made of."
        return ProviderBadHostNameError(message, provider=provider.key)
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return ProviderTimeoutError(f"{name} did not answer in time.", provider=provider.key)
    if isinstance(fault, httpx.RemoteProtocolError | httpx.DecodingError):
        message = f"{name} answered something unexpected: its reply is not proper HTTP, or too large."
        return ProviderUnexpectedResponseError(message, provider=provider.key)
    return ProviderUnavailableError(f"{name} cannot be reached, or broke the connection.", provider=provider.key)


def _passes(cause: BaseException) -> bool:
    """Whether it was the name server that did not answer, which says nothing of the host."""
    return isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_AGAIN


def _causes(fault: BaseException | None) -> Iterator[BaseException]:
    while fault is not None:
        yield fault
        fault = fault.__cause__
