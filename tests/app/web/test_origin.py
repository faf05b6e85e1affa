"""Who may connect from a browser."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from app.web.origin import may_connect, shared_with


@pytest.mark.parametrize(
    ("headers", "origins", "may"),
    [
        ({"host": "gateway:8000"}, None, True),
        ({"host": "gateway:8000", "origin": "http://gateway:8000"}, None, True),
        ({"host": "gateway", "origin": "https://gateway"}, None, True),
        ({"host": "gateway:8000", "origin": "http://gateway"}, None, False),
        ({"host": "gateway", "origin": "https://evil.example"}, None, False),
        ({"host": "gateway", "origin": "https://evil.example"}, frozenset({"https://app.example"}), False),
        ({"host": "gateway", "origin": "https://app.example"}, frozenset({"https://app.example"}), True),
        ({"host": "gateway", "origin": "https://app.example.evil"}, frozenset({"https://app.example"}), False),
        ({"host": "gateway", "origin": "null"}, frozenset({"https://app.example"}), False),
        ({"host": "", "origin": "null"}, None, False),
        ({"origin": "https://evil.example"}, None, False),
        ({"host": "gateway", "origin": "https://any.example"}, frozenset({"*"}), True),
    ],
)
def test_pages_of_strangers_may_not_connect(
    headers: dict[str, str], origins: frozenset[str] | None, *, may: bool
) -> None:
    assert may_connect(Headers(headers), origins) is may


def test_without_origins_nothing_answers_preflights() -> None:
    assert shared_with(None) == shared_with(frozenset()) == []
