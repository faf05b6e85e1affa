from __future__ import annotations

import pytest

from app.cli.api import Api
from app.errors import BadInput, NotFound, Unauthenticated
from tests.factory import TOKEN, Running


async def test_it_answers_data_and_raises_what_the_server_raised(running: Running) -> None:
    async with Api(f"{running.url}/graphql", TOKEN) as api:
        assert await api("query Q($id: ID!) { node(id: $id) { id } }", id="nothing") == {"node": None}
        with pytest.raises(BadInput):
            await api("{ nonsense }")
        with pytest.raises(NotFound, match="with this id"):
            await api('mutation { dropDatabase(input: {databaseId: "x", confirmName: "x"}) { droppedDatabaseId } }')


async def test_a_wrong_token_is_told(running: Running) -> None:
    async with Api(f"{running.url}/graphql", "vg_wrong") as api:
        with pytest.raises(Unauthenticated):
            await api("{ viewer { permissions } }")
