"""A client of the gateway's own API, for commands that do as users do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import httpx

from app.errors import CATALOGUE, GatewayError, Internal


class Api:
    """Sends GraphQL operations with a token. Refusals come back as the errors that the server raised."""

    def __init__(self, url: str, token: str, timeout_seconds: float = 120) -> None:
        self.url = url
        self.token = token
        self._client = httpx.AsyncClient(
            timeout=timeout_seconds, headers={"authorization": f"Bearer {token}"}, trust_env=False
        )

    async def __call__(self, document: str, **variables: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """The answer's data. Raises the first error of the answer."""
        response = await self._client.post(self.url, json={"query": document, "variables": variables})
        body = response.json()
        for error in body.get("errors", []):
            raise as_raised(error)
        data: dict[str, Any] = body["data"]
        return data

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()


def as_raised(error: Mapping[str, Any]) -> GatewayError:
    """The error that a server told of."""
    told = dict(error["extensions"])
    kind, retryable = CATALOGUE.get(told.pop("code"), Internal), told.pop("retryable", None)
    told.pop("family", None)
    return kind(error["message"], retryable=retryable, **told)
