"""Updating documents over HTTP: fields by path, texts that are embedded once, and rows that change meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.factory import UPDATE, Api, Running, until_waiting
from tests.fakes.vendor import embed

DIMENSION = 4


async def refused(api: Api, collection_id: str, filter: dict[str, Any], **more: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - JSON
    """Code and facts of an update that is refused."""
    refusal = await api.refusal(UPDATE, input={"collectionId": collection_id, "filter": filter, **more})
    [code] = refusal.codes
    return code, refusal.facts


async def table(running: Running) -> str:
    """The table of the test's one collection."""
    [row] = await running.sql(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname like 'vg\\_%'"
    )
    return str(row["name"])


async def texts(api: Api, collection_id: str) -> dict[Any, tuple[str | None, bool]]:
    """Key -> text, and whether it has the vector of that text."""
    documents = await api.documents(collection_id)
    return {
        key: (each["vectorize"], each["vector"] == pytest.approx(embed(each["vectorize"], DIMENSION), abs=1e-6))
        for key, each in documents.items()
        if each["vector"] is not None
    }


# --- fields ---
async def test_fields_are_set_and_unset_by_path_in_every_document_that_matches(api: Api) -> None:
    collection_id = await api.collection(await api.database())
    inserted = await api.insert(
        collection_id,
        {"_id": 1, "kind": "book", "author": {"name": "Anna"}, "tags": ["a", "b", "c"], "old": True},
        {"_id": 2, "kind": "book"},
        {"_id": 3, "kind": "map"},
    )
    ids = [each["id"] for each in inserted["results"]]
    updated = await api.update(
        collection_id,
        {"kind": "book"},
        set={"author.born": 1970, "price": None, "reviews.first.stars": 5},
        unset=["old", "tags.0", "tags.2", "nothing.here"],
    )
    assert (updated["matchedCount"], updated["modifiedCount"], updated["usage"]) == (2, 2, None)
    assert sorted(updated["modifiedIds"]) == sorted(ids[:2])
    assert updated["collection"] == {"name": "books"}
    documents = await api.documents(collection_id)
    new = {"price": None, "reviews": {"first": {"stars": 5}}}
    assert documents[1]["fields"] == {
        "_id": 1,
        "kind": "book",
        "author": {"name": "Anna", "born": 1970},
        "tags": ["b"],
        **new,
    }
    assert documents[2]["fields"] == {"_id": 2, "kind": "book", "author": {"born": 1970}, **new}
    assert documents[3]["fields"] == {"_id": 3, "kind": "map"}


async def test_what_is_the_same_afterwards_is_matched_and_not_modified(api: Api) -> None:
    collection_id = await api.collection(await api.database())
    await api.insert(collection_id, {"_id": 1, "a": 1}, {"_id": 2, "a": 2})
    before = await api.documents(collection_id)
    updated = await api.update(collection_id, {}, set={"a": 1.0}, unset=["b"])
    assert (updated["matchedCount"], updated["modifiedCount"], len(updated["modifiedIds"])) == (2, 1, 1)
    after = await api.documents(collection_id)
    assert after[1] == before[1]
    assert after[2]["updatedAt"] > before[2]["updatedAt"]
    nothing = await api.update(collection_id, {"a": "x"}, set={"a": 1})
    assert (nothing["matchedCount"], nothing["modifiedCount"], nothing["modifiedIds"]) == (0, 0, [])


async def test_what_cannot_be_done_is_refused_and_nothing_is_changed(api: Api) -> None:
    collection_id = await api.collection(await api.database())
    await api.insert(collection_id, {"_id": 1, "a": 1, "list": [1]}, {"_id": 2, "a": {"b": 1}})
    before = await api.documents(collection_id)
    refusals: list[dict[str, Any]] = [
        {},
        {"set": {}},
        {"set": None, "unset": []},
        {"set": {"a.b": 2}},
        {"set": {"list.x": 2}},
        {"set": {"list.7": 2}},
        {"set": {"list.-1": 2}},
        {"set": {"a": 1, "a.b": 2}},
        {"set": {"a": 1}, "unset": ["a"]},
        {"set": {"a.b.c": 1}, "unset": ["a.b"]},
        {"set": {"_id": 5}},
        {"set": {"_id.a": 5}},
        {"unset": ["_id"]},
        {"set": {"": 1}},
        {"set": {"a.": 1}},
        {"set": {".a": 1}},
        {"unset": ["a..b"]},
        {"set": {"$set": {"a": 1}}},
        {"set": {"a.$b": 1}},
        {"unset": ["$vectors"]},
        {"set": {".".join("a" * 21): 1}},
        {"set": {"a\0": 1}},
        {"set": {"a": "\0"}},
        {"set": {"\ud800": 1}},
        {"set": {"a": ["\ud800"]}},
        {"unset": ["\0"]},
        {"set": {"a": {"b.c": 1}}},
        {"set": {"a": {"$b": 1}}},
        {"set": {"a": 10**400}},
        {"set": '{"a": ' + "[" * 101 + "]" * 101 + "}"},
    ]
    for more in refusals:
        assert (await refused(api, collection_id, {}, **more))[0] == "BAD_INPUT", more
        assert await api.documents(collection_id) == before, more


async def test_hostile_paths_and_values_are_paths_and_values(api: Api) -> None:
    collection_id = await api.collection(await api.database())
    await api.insert(collection_id, {"_id": 1})
    names = ["'", '"', "\\", "%s", "1$", "a b", "'; drop table x; --", "{0}", "é", "null"]
    fields = {f"outer.{name}": name for name in names}
    assert (await api.update(collection_id, {}, set=fields))["modifiedCount"] == 1
    assert (await api.documents(collection_id))[1]["fields"]["outer"] == {name: name for name in names}
    assert (await api.update(collection_id, {}, unset=list(fields)))["modifiedCount"] == 1
    assert (await api.documents(collection_id))[1]["fields"]["outer"] == {}


async def test_an_update_has_limits_in_paths_and_size(api: Api) -> None:
    collection_id = await api.local_collection()
    await api.insert(collection_id, {"_id": 1, "a": "x" * 3_900_000})
    before = await api.documents(collection_id)
    paths = [f"p{number}" for number in range(101)]
    code, facts = await refused(api, collection_id, {}, set=dict.fromkeys(paths[:50], 1), unset=paths[50:])
    assert (code, facts["limit"], facts["actual"]) == ("LIMIT_EXCEEDED", 100, 101)
    for too_large in ({"b": "x" * 4_000_000}, {"b": [1e308] * 14_000}, {"$vectorize": "x" * 4_000_000}):
        code, facts = await refused(api, collection_id, {}, set=too_large)
        assert (code, facts["limit"]) == ("LIMIT_EXCEEDED", 4_000_000)
    assert await api.documents(collection_id) == before
    more = {"b": "x" * 3_900_000, "c": "x" * 300_000}
    assert (await refused(api, collection_id, {}, set=more))[0] == "LIMIT_EXCEEDED"
    assert (await api.update(collection_id, {}, set=dict.fromkeys(paths[:100], 1)))["modifiedCount"] == 1
    assert (await api.update(collection_id, {}, set='{"deep": ' + "[" * 99 + "]" * 99 + "}"))["modifiedCount"] == 1


async def test_more_than_10_000_matches_are_refused_and_nothing_is_changed(running: Running) -> None:
    api = running.api
    collection_id = await api.openai_collection(dimension=DIMENSION)
    await running.sql(
        f"insert into {await table(running)} (key, body, text) select n::text, '{{}}', 'old' from generate_series(1, 10001) as n"  # noqa: S608 - past every rule
    )
    for change in ({"set": {"a": 1}}, {"set": {"$vectorize": "new"}}):
        code, facts = await refused(api, collection_id, {}, **change)
        assert (code, facts["limit"], facts["actual"]) == ("LIMIT_EXCEEDED", 10_000, 10_001)
    assert running.openai.received == []
    changed = "select count(*) as changed from {} where body <> '{{}}' or text <> 'old'"
    [row] = await running.sql(changed.format(await table(running)))
    assert row["changed"] == 0

    await api.delete(collection_id, keys=[1])
    updated = await api.update(collection_id, {}, set={"a": 1, "$vectorize": "new"})
    assert (updated["matchedCount"], updated["modifiedCount"], updated["modifiedIds"]) == (10_000, 10_000, None)
    assert running.openai.texts == [["new"]]


# --- texts and vectors ---
async def test_a_text_is_embedded_once_however_many_match_and_not_at_all_where_it_is_the_same(running: Running) -> None:
    api = running.api
    collection_id = await api.openai_collection(dimension=DIMENSION)
    await api.insert(collection_id, *({"_id": number, "$vectorize": f"text {number}"} for number in range(50)))
    running.openai.received.clear()
    updated = await api.update(collection_id, {}, set={"$vectorize": "text 7"})
    assert (updated["matchedCount"], updated["modifiedCount"]) == (50, 49)
    assert updated["usage"]["totalTokens"] > 0
    assert running.openai.texts == [["text 7"]]
    assert set((await texts(api, collection_id)).values()) == {("text 7", True)}

    again = await api.update(collection_id, {}, set={"$vectorize": "text 7", "n": 1})
    assert (again["matchedCount"], again["modifiedCount"], again["usage"]) == (50, 50, None)
    nobody = await api.update(collection_id, {"_id": "nobody"}, set={"$vectorize": "another"})
    assert nobody["matchedCount"] == 0
    assert running.openai.texts == [["text 7"]]
    assert set((await texts(api, collection_id)).values()) == {("text 7", True)}


async def test_setting_a_vector_drops_the_text_and_unsetting_either_drops_both(running: Running) -> None:
    api = running.api
    collection_id = await api.openai_collection(dimension=2)

    async def after(**more: Any) -> tuple[str | None, list[float] | None]:  # noqa: ANN401 - JSON
        await api.insert(collection_id, {"_id": 1, "$vectorize": "a whale"}, onConflict="REPLACE")
        assert (await api.update(collection_id, {}, **more))["modifiedCount"] == 1
        [document] = (await api.documents(collection_id)).values()
        return document["vectorize"], document["vector"]

    assert await after(set={"$vector": [1, 0.5]}) == (None, [1, 0.5])
    assert await after(set={"$vector": "P4AAAD8AAAA="}) == (None, [1, 0.5])
    assert await after(set={"$vector": None}) == (None, None)
    assert await after(set={"$vectorize": None}) == (None, None)
    assert await after(set={"$vectorize": " "}) == (" ", None)
    assert await after(unset=["$vectorize"]) == (None, None)
    assert await after(unset=["$vector"]) == (None, None)
    assert await after(unset=["$vector", "$vectorize"]) == (None, None)
    assert {tuple(each) for each in running.openai.texts} == {("a whale",)}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"set": {"$vectorize": "a", "$vector": [1, 2]}}, "VECTORIZE_AND_VECTOR"),
        ({"set": {"$vectorize": None, "$vector": None}}, "VECTORIZE_AND_VECTOR"),
        ({"set": {"$vectorize": "a"}, "unset": ["$vector"]}, "VECTORIZE_AND_VECTOR"),
        ({"set": {"$vector": [1, 2]}, "unset": ["$vectorize"]}, "VECTORIZE_AND_VECTOR"),
        ({"set": {"$vectorize": 5}}, "INVALID_VECTORIZE_VALUE"),
        ({"set": {"$vectorize": "a\0"}}, "BAD_INPUT"),
        ({"set": {"$vector": [1]}}, "INVALID_VECTOR_LENGTH"),
        ({"set": {"$vector": [0, 0]}}, "INVALID_VECTOR"),
        ({"set": {"$vector": "?"}}, "INVALID_VECTOR"),
        ({"set": {"$vectorize.a": "a"}}, "BAD_INPUT"),
        ({"set": {"$vectorize": "a", "a": 1, "a.b": 1}}, "BAD_INPUT"),
        ({"set": {"$vectorize": "a", "text.b": 1}}, "BAD_INPUT"),
    ],
)
async def test_wrong_uses_are_refused_before_anybody_is_asked(
    running: Running, more: dict[str, Any], code: str
) -> None:
    collection_id = await running.api.openai_collection(dimension=2)
    await running.api.insert(collection_id, {"_id": 1, "text": "x", "$vector": [1, 2]})
    before = await running.api.documents(collection_id)
    assert (await refused(running.api, collection_id, {}, **more))[0] == code
    assert await running.api.documents(collection_id) == before
    assert running.openai.received == []


async def test_a_filter_that_cannot_be_used_is_refused_before_anybody_is_asked(running: Running) -> None:
    collection_id = await running.api.openai_collection()
    await running.api.insert(collection_id, {"_id": 1})
    code, facts = await refused(running.api, collection_id, {"a": {"$regex": "x"}}, set={"$vectorize": "a"})
    assert (code, facts["path"]) == ("INVALID_FILTER", "filter.a.$regex")
    assert running.openai.received == []


async def test_collections_without_integration_or_vectors_say_so(api: Api) -> None:
    database_id = await api.database()
    by_hand = await api.collection(database_id, "by_hand", dimension=2)
    bare = await api.collection(database_id, "bare")
    for collection_id in (by_hand, bare):
        await api.insert(collection_id, {"_id": 1})
    assert (await refused(api, by_hand, {}, set={"$vectorize": "a"}))[0] == "EMBEDDING_NOT_CONFIGURED"
    assert (await api.update(by_hand, {}, set={"$vectorize": "", "a": 1}))["modifiedCount"] == 1
    for more in (
        {"set": {"$vectorize": "a"}},
        {"set": {"$vector": [1]}},
        {"unset": ["$vector"]},
        {"unset": ["$vectorize"]},
    ):
        assert (await refused(api, bare, {}, **more))[0] == "VECTORS_NOT_ENABLED"


async def test_a_text_that_the_provider_refuses_changes_nothing(running: Running) -> None:
    api = running.api
    collection_id = await api.openai_collection(dimension=DIMENSION)
    await api.insert(collection_id, {"_id": 1, "$vectorize": "old"}, {"_id": 2})
    before = await api.documents(collection_id)
    running.openai.refused_texts = {"forbidden"}
    code, facts = await refused(api, collection_id, {}, set={"$vectorize": "forbidden", "a": 1})
    assert (code, facts["httpStatus"]) == ("EMBEDDING_PROVIDER_CLIENT_ERROR", 400)
    assert "cannot be embedded" in facts["providerMessage"]
    running.openai.keys = set()
    code, facts = await refused(api, collection_id, {}, set={"$vectorize": "new", "a": 1})
    assert (code, facts["httpStatus"]) == ("EMBEDDING_PROVIDER_CLIENT_ERROR", 401)
    assert await api.documents(collection_id) == before


# --- what changes meanwhile ---
async def test_rows_that_change_while_the_text_is_embedded_are_matched_again(running: Running) -> None:
    api = running.api
    collection_id = await api.openai_collection(dimension=DIMENSION)
    await api.insert(
        collection_id, *({"_id": key, "kind": "x", "$vectorize": "old"} for key in ("changes", "leaves", "goes"))
    )
    running.openai.gate.clear()
    async with asyncio.TaskGroup() as group:
        call = group.create_task(api.update(collection_id, {"kind": "x"}, set={"$vectorize": "new"}))
        await running.openai.until_in_flight(1)
        await api.update(collection_id, {"_id": "changes"}, set={"$vector": [1, 0, 0, 0], "a": 1})
        await api.update(collection_id, {"_id": "leaves"}, set={"kind": "y"})
        await api.delete(collection_id, keys=["goes"])
        await api.insert(collection_id, {"_id": "comes", "kind": "x"})
        running.openai.gate.set()
    updated = call.result()
    assert (updated["matchedCount"], updated["modifiedCount"]) == (2, 2)
    assert await texts(api, collection_id) == {
        "leaves": ("old", True),
        "comes": ("new", True),
        "changes": ("new", True),
    }
    assert (await api.documents(collection_id))["changes"]["fields"] == {"_id": "changes", "kind": "x", "a": 1}


async def test_a_text_that_changes_after_the_look_is_embedded_after_all(running: Running) -> None:
    """The look finds nothing to embed; then another transaction, which the update has to wait for, changes the text."""
    api = running.api
    collection_id = await api.openai_collection(dimension=DIMENSION)
    await api.insert(collection_id, {"_id": 1, "$vectorize": "same"}, {"_id": 2, "$vectorize": "same"})
    running.openai.received.clear()
    home = await table(running)
    cluster = running.gateway.postgres.catalogue
    async with asyncio.TaskGroup() as group, cluster.transaction() as holder:
        await holder.execute(f"update {home} set text = 'other', vector = '[1,0,0,0]' where key = '1'")  # noqa: S608 - past every rule
        call = group.create_task(api.update(collection_id, {}, set={"$vectorize": "same"}))
        async with cluster.connection() as watcher:
            await until_waiting(watcher, 1)
    assert (call.result()["matchedCount"], call.result()["modifiedCount"]) == (2, 1)
    assert await texts(api, collection_id) == {1: ("same", True), 2: ("same", True)}
    assert running.openai.texts == [["same"]]


async def test_who_may_not_write_is_told_before_what_is_wrong(api: Api) -> None:
    collection_id = await api.collection(await api.database())
    await api.insert(collection_id, {"_id": 1})
    async with await api.with_token("Read-Only User") as reader:
        code, facts = await refused(reader, collection_id, {"$nonsense": 1})
        assert (code, facts["permission"]) == ("PERMISSION_DENIED", "WRITE_DATA")
        assert (await refused(reader, collection_id[:-1], {}))[0] == "NOT_FOUND"
    assert (await api.documents(collection_id))[1]["fields"] == {"_id": 1}
