from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from app.cli import listener
from app.cli.process import CommandFailed

HOST = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def test_a_free_port_is_bound_and_its_address_told() -> None:
    with listener.bound(HOST, 0) as bound:
        port = bound.getsockname()[1]
        assert port
        assert listener.url(bound) == f"http://127.0.0.1:{port}/graphql"


def test_a_port_that_is_taken_is_told_with_what_to_do(taken: int) -> None:
    with pytest.raises(CommandFailed, match=f"^Port {taken} of {HOST} is taken.*VECTORGATE_PORT"):
        listener.bound(HOST, taken)


def test_an_address_that_is_not_of_this_machine_is_told() -> None:
    with pytest.raises(CommandFailed, match=r"cannot be listened on.*VECTORGATE_HOST"):
        listener.bound("192.0.2.1", 0)
    with pytest.raises(CommandFailed, match="cannot be listened on"):
        listener.bound("no host", 0)


def test_whoever_does_not_mind_gets_another_port(taken: int) -> None:
    with listener.bound_or_free(HOST, taken) as bound:
        assert bound.getsockname()[1] != taken
    with pytest.raises(CommandFailed):
        listener.bound_or_free("192.0.2.1", 0)


def test_an_ipv6_address_is_written_as_urls_need_it() -> None:
    try:
        bound = listener.bound("::1", 0)
    except CommandFailed:
        pytest.skip("this machine has no IPv6")
    with bound:
        assert listener.url(bound) == f"http://[::1]:{bound.getsockname()[1]}/graphql"
