"""How many connections that last may be open."""

from __future__ import annotations

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from app.errors import LimitExceeded
from app.web.places import Places
from app.web.websocket import Room
from tests.app.web.streaming import Door, served
from tests.patience import until
from tests.socket_client import socket


@pytest.fixture
def door() -> Door:
    return Door()


def test_each_owner_and_all_together_have_so_many_places_and_a_place_is_free_again_at_the_end() -> None:
    places = Places("sockets", 3, 2)
    with places.taken("a"), places.taken("a"):
        with pytest.raises(LimitExceeded, match="2 sockets of this caller") as of_one, places.taken("a"):
            pass
        assert (of_one.value.facts, of_one.value.retryable) == ({"limit": 2, "actual": 3}, True)
        with places.taken("b"), pytest.raises(LimitExceeded, match="3 sockets in this process") as of_all:
            places.check("c")
        assert of_all.value.facts == {"limit": 3, "actual": 4}
        places.check("c")
    with places.taken("a"), places.taken("a"):
        pass
    assert not places._taken


async def test_a_socket_without_a_token_takes_a_place_until_it_shows_one(door: Door) -> None:
    room = Room(known=Places("sockets", 9, 2), fresh=Places("sockets", 9, 1))
    async with served(door, room=room) as server, socket(server.url) as first:
        with pytest.raises(InvalidStatus) as refused:
            async with socket(server.url):
                pass
        assert refused.value.response.status_code == 503
        await first.init("t")
        async with socket(server.url) as second:
            await second.init("t")
            async with socket(server.url) as third:
                await third.say("connection_init", payload={"token": "t"})
                code, reason = await third.closed()
                assert (code, reason.startswith("2 sockets of this caller are open")) == (1013, True)
        await until(lambda: _is_free(room.known))
        async with socket(server.url) as after:
            await after.init("t")


async def test_a_stream_takes_a_place_until_it_ends(door: Door) -> None:
    streams = Places("streams", 9, 1)
    waiting, path = {"query": "subscription { waiting }"}, "/graphql/stream"
    async with served(door, streams=streams) as server, httpx.AsyncClient(base_url=server.url) as client:
        client.headers["authorization"] = "Bearer t"
        async with client.stream("POST", path, json=waiting) as first:
            assert first.status_code == 200
            refused = await client.post(path, json=waiting)
            extensions = refused.json()["errors"][0]["extensions"]
            assert (refused.status_code, extensions["code"], extensions["limit"]) == (503, "LIMIT_EXCEEDED", 1)
        await until(lambda: _is_free(streams))
        async with client.stream("POST", path, json=waiting) as second:
            assert second.status_code == 200


async def _is_free(places: Places) -> bool:
    return places._taken.get("t", 0) < places._of_each
