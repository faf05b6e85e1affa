"""Pages of a vector search over HTTP: cursors, the query's vector that is kept for them, and how deep they reach."""

from __future__ import annotations

import struct
from typing import Any

from app.page import decode_cursor, encode_cursor
from tests.factory import Api, Run, Running
from tests.fakes.vendor import embed
from tests.resolvers.searching import books, by_hand, films, keys, on_circle, points, refused


# --- pages ---
async def test_a_cursor_belongs_to_the_search_that_it_came_from(running: Running) -> None:
    api = running.api
    collection_id = await by_hand(api, *on_circle(6))
    other = await api.collection(await api.database("more"), dimension=2)
    given: dict[str, Any] = {"vector": [1, 0], "filter": {"_id": {"$lt": 9}}, "min": 0.1}
    after = (await api.search(collection_id, first=2, **given))["pageInfo"]["endCursor"]
    asked = len(running.openai.received)
    changes: list[dict[str, Any]] = [
        {"vector": [1, 0.1]},
        {"vector": None, "query": "whale"},
        {"filter": {"_id": {"$lt": 8}}},
        {"filter": None},
        {"min": 0.2},
        {"min": None},
    ]
    for changed in changes:
        code, _ = await refused(api, collection_id, first=2, after=after, **(given | changed))
        assert code == "BAD_INPUT", changed
    assert (await refused(api, other, first=2, after=after, **given))[0] == "BAD_INPUT"
    assert await keys(api, collection_id, first=3, after=after, **given) == [2, 3, 4]
    assert len(running.openai.received) == asked


async def test_a_cursor_that_nobody_made_is_refused(api: Api) -> None:
    collection_id = await by_hand(api, [1, 0])
    page = await api.search(collection_id, vector=[1, 0])
    made = page["pageInfo"]["endCursor"]
    for after in (
        "",
        "x",
        "é",
        made[:-4],
        made + "AAAA",
        made[::-1],
        encode_cursor(0, "0", 1, None, ""),
        encode_cursor(1, 2),
    ):
        assert (await refused(api, collection_id, vector=[1, 0], after=after))[0] == "BAD_INPUT"


async def test_pages_of_a_text_ask_nobody_again_and_go_on_at_another_replica(running: Running, run: Run) -> None:
    here, there = running.api, (await run()).api
    collection_id = await books(here)
    first = await here.search(collection_id, query="whale", first=1)
    asked = len(running.openai.received)
    running.openai.keys = set()  # whoever asked now would be refused
    arguments = {"query": "whale", "first": 1, "after": first["pageInfo"]["endCursor"]}
    second = await there.search(collection_id, **arguments)
    assert second == await here.search(collection_id, **arguments)
    assert (second["model"], second["usage"]) == ("text-embedding-3-small", None)
    third = await there.search(collection_id, query="whale", first=5, after=second["pageInfo"]["endCursor"])
    pages = [first, second, third]
    assert [edge["node"]["key"] for page in pages for edge in page["edges"]] == await keys(
        here, collection_id, vector=embed("whale", 64)
    )
    assert len(running.openai.received) == asked


async def test_when_the_kept_vector_is_gone_the_text_is_embedded_again_under_the_same_cursor(
    running: Running, run: Run
) -> None:
    collection_id = await books(running.api)
    first = await running.api.search(collection_id, query="whale", first=1)
    await running.sql("update vectorgate_region.query_vector set expires_at = now()")
    asked = len(running.openai.received)
    there = (await run()).api
    second = await there.search(collection_id, query="whale", first=1, after=first["pageInfo"]["endCursor"])
    assert len(second["edges"]) == 1
    assert running.openai.texts[asked:] == [["whale"]]
    [kept] = await running.sql("select count(*) as number from vectorgate_region.query_vector where expires_at > now()")
    assert kept["number"] == 1


async def test_a_query_vector_is_kept_only_where_a_cursor_is_selected(running: Running) -> None:
    collection_id = await books(running.api)

    async def kept() -> int:
        [row] = await running.sql("select count(*) as number from vectorgate_region.query_vector")
        return int(row["number"])

    query = 'query Q($id: ID!) {{ vectorSearch(targetId: $id, query: "whale") {{ {} }} }}'
    await running.api(query.format("edges { node { key } } pageInfo { hasNextPage }"), id=collection_id)
    await running.api.search(collection_id, vector=[1] * 64)
    assert await kept() == 0
    await running.api(query.format("pageInfo { endCursor }"), id=collection_id)
    assert await kept() == 1
    [row] = await running.sql(
        "select extract(epoch from expires_at - now()) as left from vectorgate_region.query_vector"
    )
    assert 590 < row["left"] <= 600


async def test_a_kept_vector_of_another_collection_is_of_no_use(running: Running) -> None:
    """Whoever mixes up cursors gets a search of their own, never a fault."""
    api = running.api
    collection_id = await books(api)
    await api.search(collection_id, query="whale", first=1)
    smaller = await api.collection(await api.database("more"), dimension=2)
    await running.sql("update vectorgate_region.query_vector set vector = $1", struct.pack("<2f", 1, 0))
    first = await api.search(collection_id, query="whale", first=1)
    assert len(first["edges"]) == 1
    await running.sql("update vectorgate_region.query_vector set vector = $1", struct.pack("<2f", 1, 0))
    second = await api.search(collection_id, query="whale", first=1, after=first["pageInfo"]["endCursor"])
    assert len(second["edges"]) == 1
    assert await keys(api, smaller, vector=[1, 0]) == []


async def test_pages_reach_10_000_hits_deep(api: Api) -> None:
    collection_id = await by_hand(api, *on_circle(5))
    page = await api.search(collection_id, vector=[1, 0], first=1)
    distance, key, depth, query_id, ranking = decode_cursor(page["pageInfo"]["endCursor"], 5)
    assert depth == 1
    after = encode_cursor(distance, key, 9_998, query_id, ranking)
    last = await api.search(collection_id, vector=[1, 0], first=2, after=after)
    assert [edge["node"]["key"] for edge in last["edges"]] == [1, 2]
    assert last["pageInfo"]["hasNextPage"]
    code, facts = await refused(api, collection_id, vector=[1, 0], first=3, after=after)
    assert (code, facts["limit"], facts["actual"]) == ("LIMIT_EXCEEDED", 10_000, 10_001)
    beyond = last["pageInfo"]["endCursor"]
    assert (await refused(api, collection_id, vector=[1, 0], first=1, after=beyond))[0] == "LIMIT_EXCEEDED"


# --- pages of rows ---
async def test_pages_go_through_every_row_once_and_equally_near_ones_in_the_order_of_their_composite_keys(
    api: Api,
) -> None:
    vectors = [[1.0, 0.0]] * 12 + [[0.0, 1.0]] * 9
    table_id = await points(api, *vectors, None, key=("quarter", "half", "whole"))
    for size in (1, 2, 5, 21, 50):
        seen: list[Any] = []
        page: dict[str, Any] = {"pageInfo": {"hasNextPage": True, "endCursor": None}}
        while page["pageInfo"]["hasNextPage"]:
            page = await api.search(table_id, vector=[1, 0], first=size, after=page["pageInfo"]["endCursor"])
            seen += [edge["node"]["key"] for edge in page["edges"]]
        assert seen == [{"quarter": number // 4, "half": number // 2, "whole": number} for number in range(21)]


async def test_a_cursor_belongs_to_a_column_and_to_what_embeds_for_it(running: Running) -> None:
    api = running.api
    table_id = await films(api)
    given: dict[str, Any] = {"column": "plot", "query": "whale", "first": 1}
    page = await api.search(table_id, **given)
    after = page["pageInfo"]["endCursor"]
    asked = len(running.openai.received)
    for changed in ({"column": "scene"}, {"query": "ball"}, {"filter": {"year": 1900}}, {"min": 0.1}):
        code, _ = await refused(api, table_id, **(given | changed), after=after)
        assert code == "BAD_INPUT", changed
    whole = await keys(api, table_id, column="plot", query="whale")
    rest = await keys(api, table_id, column="plot", query="whale", after=after)
    assert [page["edges"][0]["node"]["key"], *rest] == whole
    assert len(running.openai.received) == asked, "the vector of page 1 is kept"

    await running.sql("update vectorgate.attachment set id = gen_random_uuid() where provider = 'openai'")
    assert (await refused(api, table_id, **given, after=after))[0] == "BAD_INPUT"
    swapped = "update vectorgate.table_column set name = case name when 'plot' then 'scene' else 'plot' end where dimension is not null"
    by_vector: dict[str, Any] = {"column": "plot", "vector": embed("whale", 64), "first": 1}
    after = (await api.search(table_id, **by_vector))["pageInfo"]["endCursor"]
    assert await keys(api, table_id, **by_vector, after=after) == [whole[1]]
    await running.as_login("alter table vectorgate.table_column drop constraint column_name_is_unique")
    await running.sql(swapped)
    assert (await refused(api, table_id, **by_vector, after=after))[0] == "INVALID_VECTOR_LENGTH"
    assert (await refused(api, table_id, **(by_vector | {"column": "scene"}), after="x"))[0] == "BAD_INPUT"
    assert await keys(api, table_id, **(by_vector | {"column": "scene"}), after=after) == [whole[1]]


async def test_a_cursor_holds_a_key_of_its_table(api: Api) -> None:
    table_id = await points(api, *on_circle(3), key=("half", "whole"))
    page = await api.search(table_id, vector=[1, 0], first=1)
    distance, key, depth, query_id, ranking = decode_cursor(page["pageInfo"]["endCursor"], 5)
    assert key == "[0,0]"
    for forged in ("[]", "[0]", "[0,0,0]", "[0, 0]", '["0",0]', "[0,null]", f"[0,{2**31}]", "0", "x", "", None, 5):
        after = encode_cursor(distance, forged, depth, query_id, ranking)
        assert (await refused(api, table_id, vector=[1, 0], first=1, after=after))[0] == "BAD_INPUT", forged
    after = encode_cursor(distance, f"[0,{2**31 - 1}]", depth, query_id, ranking)
    assert await keys(api, table_id, vector=[1, 0], after=after) == [{"half": 0, "whole": 1}, {"half": 1, "whole": 2}]
