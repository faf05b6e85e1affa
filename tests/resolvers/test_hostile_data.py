"""Whatever is sent where data is meant, the answer says what is wrong with it: the gateway itself never fails."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.factory import DELETE, DOCUMENTS, INSERT, REPLACE, SEARCH, UPDATE, Api, Running

NESTED = "[" * 1000 + "]" * 1000
TEXTS = [
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "\udfff\ud800",
    "'",
    '"',
    "\\",
    "'; drop schema public cascade; --",
    "%s%n$1 {0} ${x}",
    "x" * 100_000,
    "\U0001f600" * 1000,
    "a" + "\u0301" * 1000,
    "null",
    "NaN",
    "1e999",
    "../../etc/passwd",
    "{}",
    "[",
    NESTED,
    f'{{"a": {NESTED}}}',
    '{"$not":' * 900 + "{}" + "}" * 900,
    '{"a": {"$not":' + '{"$not":' * 900 + "{}" + "}" * 902,
    base64.b64encode(b"Document:\0").decode(),
    base64.b64encode(b"\xff\xfe").decode(),
]
NUMBERS = [0, -1, 1.5, 2**31, 2**53, 2**63, 2**64, 10**30, 10**400, -(10**400), 1e308, 5e-324]
OTHERS: list[Any] = [
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    {"": ""},
    {"a": None},
    {"$where": "1"},
    {"$gt": ""},
    {"a.b": {"$gt": {}}},
]
WRAPPED = [
    wrap(text)
    for text in TEXTS[2:7]
    for wrap in (lambda text: [text], lambda text: {text: text}, lambda text: {"a": {text: 1}})
]
HOSTILE: list[Any] = [*TEXTS, *NUMBERS, *OTHERS, *WRAPPED]

OPERATIONS: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "insert": (INSERT, {"documents": [{}]}, ["documents", "onConflict", "idempotencyKey", "clientMutationId"]),
    "update": (UPDATE, {"filter": {}, "set": {"a": 1}}, ["filter", "set", "unset", "clientMutationId"]),
    "replace": (REPLACE, {"key": 1, "document": {}}, ["key", "document", "upsert"]),
    "delete": (DELETE, {}, ["filter", "keys", "ids"]),
    "documents": (DOCUMENTS, {}, ["first", "after", "filter"]),
    "search by text": (SEARCH, {"query": "whale"}, ["query", "first", "after", "filter", "min"]),
    "search by vector": (SEARCH, {"vector": [1] * 256}, ["vector", "after", "filter", "min"]),
}
"""Name -> the operation, arguments that are right, and those of them that are made wrong."""


def arguments(document: str, collection_id: str, given: dict[str, Any]) -> dict[str, Any]:
    if "$input" in document:
        return {"input": {"collectionId": collection_id, **given}}
    return {"id": collection_id, **given}


async def faults(api: Api, document: str, variables: dict[str, Any]) -> list[str]:
    """The codes that blame the gateway."""
    response = await api.post(document, variables)
    errors = response.json().get("errors", [])
    return [each["extensions"]["code"] for each in errors if each["extensions"]["family"] == "SERVER"]


@pytest.mark.parametrize("name", list(OPERATIONS))
async def test_no_value_of_any_argument_makes_the_gateway_fail(running: Running, name: str) -> None:
    document, right, wrong = OPERATIONS[name]
    collection_id = await running.api.local_collection()
    await running.api.insert(collection_id, {"_id": 1, "a": [1]}, {"_id": 2, "$vectorize": "a whale"})
    for argument in wrong:
        for value in HOSTILE:
            for each in (value, [value]) if argument in {"documents", "keys", "ids", "unset", "vector"} else (value,):
                variables = arguments(document, collection_id, right | {argument: each})
                assert await faults(running.api, document, variables) == [], (argument, each)
    await running.api.insert(collection_id, {"_id": "still there"})
    assert "still there" in await running.api.documents(collection_id)


@pytest.mark.parametrize("where", ["document", "field", "nested", "filter value", "path", "set value", "idempotent"])
async def test_no_value_at_any_depth_makes_the_gateway_fail(running: Running, where: str) -> None:
    collection_id = await running.api.local_collection()
    await running.api.insert(collection_id, {"_id": 1, "a": [1]})
    for value in HOSTILE:
        name = value if isinstance(value, str) else "a"
        tried: dict[str, tuple[str, dict[str, Any]]] = {
            "document": (INSERT, {"documents": [{"_id": value, "$vectorize": value}, {"$vector": value}]}),
            "field": (INSERT, {"documents": [{name: value}]}),
            "nested": (INSERT, {"documents": [{"a": [{"b": {name: [value]}}]}]}),
            "filter value": (
                UPDATE,
                {"filter": {"a": {"$in": [value, [value]]}, name: {"$ne": value}}, "set": {"b": 1}},
            ),
            "path": (UPDATE, {"filter": {}, "set": {f"a.{name}": value}, "unset": [f"b.{name}", name]}),
            "set value": (UPDATE, {"filter": {}, "set": {"$vectorize": value, "a": value}}),
            "idempotent": (INSERT, {"documents": [{"a": value}], "idempotencyKey": "sixteen-characters"}),
        }
        document, given = tried[where]
        assert await faults(running.api, document, arguments(document, collection_id, given)) == [], value


@pytest.mark.parametrize(
    "literal",
    [
        "9" * 5000,
        "-" + "9" * 400,
        "1e999",
        "-1e999",
        "1.5e-999",
        '"\\u0000"',
        '"\\uD83D\\uDE00"',
        '"""block \\""" string"""',
        "BARE_WORD",
        "{a: {b: [1, null, WORD]}}",
        "{_id: 1e999}",
        '{_id: "\\u0000"}',
        "[" * 190 + "]" * 190,
        "[[[]]]",
        "$undefined",
    ],
)
async def test_no_literal_makes_the_gateway_fail(running: Running, literal: str) -> None:
    collection_id = await running.api.local_collection()
    await running.api.insert(collection_id, {"_id": 1})
    home, target = f'collectionId: "{collection_id}"', f'targetId: "{collection_id}"'
    for query in (
        f"mutation {{ insertDocuments(input: {{{home}, documents: [{literal}]}}) {{ results {{ code }} }} }}",
        f"mutation {{ updateDocuments(input: {{{home}, filter: {literal}, set: {{a: {literal}}}}}) {{ matchedCount }} }}",
        f"mutation {{ deleteDocuments(input: {{{home}, keys: [{literal}]}}) {{ deletedCount }} }}",
        f'{{ node(id: "{collection_id}") {{ ... on Collection {{ document(key: {literal}) {{ key }} }} }} }}',
        f'{{ node(id: "{collection_id}") {{ ... on Collection {{ documents(filter: {literal}) {{ totalCount }} }} }} }}',
        f"{{ vectorSearch({target}, vector: {literal}) {{ exact }} }}",
        f"{{ vectorSearch({target}, vector: [{literal}], minSimilarity: {literal}) {{ exact }} }}",
        f'{{ vectorSearch({target}, query: "whale", first: {literal}) {{ exact }} }}',
        f'{{ vectorSearch({target}, query: "whale", minSimilarity: {literal}) {{ exact }} }}',
        f"{{ vectorSearch(targetId: {literal}, query: {literal}) {{ exact }} }}",
    ):
        assert await faults(running.api, query, {}) == [], query


@pytest.mark.parametrize("hole", ["{a: $hole}", "{a: [1, {b: $hole}]}", "{_id: $hole}", "{_not: {a: $hole}, b: 1}"])
async def test_a_variable_left_out_inside_a_literal_is_refused_and_nothing_is_done(running: Running, hole: str) -> None:
    collection_id = await running.api.local_collection()
    await running.api.insert(collection_id, {"_id": 1, "a": 1})
    home = f'collectionId: "{collection_id}"'
    for query in (
        f"mutation ($hole: Int) {{ insertDocuments(input: {{{home}, documents: [{hole}]}}) {{ insertedCount }} }}",
        f"mutation ($hole: Int) {{ updateDocuments(input: {{{home}, filter: {{}}, set: {hole}}}) {{ matchedCount }} }}",
        f"mutation ($hole: Int) {{ deleteDocuments(input: {{{home}, filter: {hole}}}) {{ deletedCount }} }}",
        f'query ($hole: Int) {{ vectorSearch(targetId: "{collection_id}", query: "whale", filter: {hole}) {{ exact }} }}',
    ):
        refused = await running.api.refusal(query)
        assert (refused.codes, [each["message"] for each in refused.errors]) == (
            ["BAD_INPUT"],
            ["A variable inside it has no value: give it one, or null."],
        )
    left = await running.api(
        f'{{ node(id: "{collection_id}") {{ ... on Collection {{ documents {{ nodes {{ fields }} }} }} }} }}'
    )
    assert [each["fields"] for each in left["node"]["documents"]["nodes"]] == [{"_id": 1, "a": 1}]


async def test_null_in_a_variable_where_a_value_is_needed_names_the_variable(running: Running) -> None:
    refused = await running.api.refusal(
        "query ($many: Int) { organization { databases(first: $many) { totalCount } } }", many=None
    )
    assert [each["message"] for each in refused.errors] == [
        "Variable $many is null where a value is needed: leave it out to have the default."
    ]
    refused = await running.api.refusal(
        "query ($if: Boolean = true) { viewer { roles @include(if: $if) } }", **{"if": None}
    )
    assert refused.codes == ["BAD_INPUT"]
    assert "$if" in refused.errors[0]["message"]
