"""Hostile values by where they stand: ids, cursors, vectors, filters, documents, rows, secrets, and the leaves elsewhere."""

from __future__ import annotations

import base64
import struct

from hypothesis import strategies as st

from tests.hostile.leaf import (
    DEEP,
    KEYS,
    NAMES,
    TIMES,
    Strategy,
    anything,
    keys,
    leaves,
    mostly,
    numbers,
    one_of_these,
    texts,
    times,
    whole,
)
from tests.hostile.symbol import AnyId, EditedCursor, FlippedCursor, ForgedId, RealCursor

CANARY = "sk-hostile-4f1d0c77b2e9a6"
"""In every secret that is sent: nothing may quote it."""
DEPLOYED = {"resourceName": "mine", "deploymentId": "small"}
"""The parameters of a provider that needs some."""
OPERATORS = ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$and", "$or", "$not"]
STRANGE_OPERATORS = ["$where", "$regex", "$expr", "$EQ", "$", "$$eq", "eq", "$not ", "$elemMatch"]

# --- ids and cursors ---
_any_id: Strategy = st.builds(AnyId, st.integers(0, 500), foreign=st.booleans())
_forged_key: Strategy = one_of_these(["", "\0", "not-a-uuid", "0" * 32, "openai", "local"]) | texts
ids: Strategy = st.one_of(_any_id, st.builds(ForgedId, st.integers(0, 500), _forged_key))
_edited: Strategy = st.builds(EditedCursor, st.integers(0, 500), st.integers(0, 4), anything)
cursors: Strategy = st.one_of(
    st.builds(RealCursor, st.integers(0, 500)),
    st.builds(FlippedCursor, st.integers(0, 500), st.integers(0, 4000)),
    _edited,
    _edited,
    texts.map(lambda text: base64.urlsafe_b64encode(text.encode("utf-8", "replace")).decode()),
)

# --- vectors ---
_floats: Strategy = st.floats(width=32)
_packed: Strategy = st.lists(_floats, max_size=6).map(
    lambda each: base64.b64encode(struct.pack(f">{len(each)}f", *each)).decode()
)
vectors: Strategy = st.one_of(
    st.lists(numbers, min_size=3, max_size=3),
    st.lists(anything, min_size=3, max_size=3),
    st.lists(numbers, max_size=300),
    _packed,
    _packed.map(lambda text: text.rstrip("=") + "é"),
    st.binary(max_size=40).map(lambda each: base64.b64encode(each).decode()),
    one_of_these(
        [[0, 0, 0], [0] * 20_000, [1e30] * 3, [1e-30] * 256, [3.4e38] * 64, "A" * 40_000, [[1, 2, 3]], [True, 1, 1]]
    ),
)

# --- filters ---
_plain: Strategy = one_of_these(
    [1, 0.5, "a", True, None, TIMES[1], "6f1e8a5c-0d0b-4a51-8b16-5f0c3f3a9d11", [1, "a"], {"a": 1}, [1, 2, 3]]
)
_operand: Strategy = _plain | leaves | st.lists(_plain | leaves, max_size=4)
_operator: Strategy = one_of_these(OPERATORS) | one_of_these([*OPERATORS, *STRANGE_OPERATORS])
_condition: Strategy = st.recursive(
    _operand | st.dictionaries(_operator, _operand, max_size=3),
    lambda inner: st.dictionaries(_operator, inner, max_size=2) | st.lists(inner, max_size=3),
    max_leaves=4,
)
_field: Strategy = one_of_these(NAMES) | one_of_these(NAMES) | one_of_these([*KEYS, *OPERATORS])
HUGE_FILTERS = [
    {"title": {"$in": [f"t{number}" for number in range(40_000)]}},
    {"id": {"$nin": list(range(40_000))}},
    {"_id": {"$in": list(range(40_000))}},
    {f"k{number}": number for number in range(5_000)},
    {"$or": [{"a": number} for number in range(20_000)]},
    {"$or": [{"id": number} for number in range(3_000)]},
    {"$and": [{"a.b": {"$not": {"$gt": number}}} for number in range(3_000)]},
    {"a": {"$gt": "x" * 1_000_000}},
]
filters: Strategy = st.one_of(
    st.recursive(
        st.dictionaries(_field, _condition, min_size=1, max_size=3),
        lambda inner: (
            st.dictionaries(one_of_these(["$and", "$or"]), st.lists(inner, max_size=3), min_size=1)
            | st.builds(lambda field, each: {field: {"$not": each}}, _field, inner)
        ),
        max_leaves=4,
    ),
    st.dictionaries(one_of_these(NAMES), anything, min_size=1, max_size=1),
    st.builds(lambda field, operator, each: {field: {operator: each}}, one_of_these(NAMES), _operator, anything),
    one_of_these([*HUGE_FILTERS, *DEEP]),
)

# --- documents and rows ---
_special: Strategy = st.one_of(
    st.builds(lambda value: {"$vectorize": value}, anything),
    st.builds(lambda value: {"$vector": value}, vectors),
    st.builds(lambda value: {"_id": value}, anything),
    st.builds(lambda text, vector: {"$vectorize": text, "$vector": vector}, leaves, vectors),
)
documents: Strategy = st.one_of(
    st.dictionaries(keys, anything, max_size=4),
    _special,
    st.builds(lambda fields, special: fields | special, st.dictionaries(keys, leaves, max_size=3), _special),
)
_cells: Strategy = one_of_these(NAMES).flatmap(
    lambda name: st.tuples(st.just(name), vectors if name in {"v", "plot"} else anything)
)
rows: Strategy = st.one_of(
    st.builds(lambda key, cells: {"id": key} | dict(cells), st.integers(1, 60), st.lists(_cells, max_size=3)),
    st.dictionaries(keys, anything, max_size=3),
    st.lists(_cells, max_size=3).map(dict),
)
paths: Strategy = keys | st.lists(keys, min_size=1, max_size=4).map(".".join)
changes: Strategy = st.one_of(
    documents, rows, st.dictionaries(st.lists(keys, min_size=1, max_size=3).map(".".join), anything, max_size=3)
)
record_keys: Strategy = (
    leaves
    | st.lists(leaves, max_size=4)
    | one_of_these([["a", 1], [1], {"id": 1}, {"name": "a", "number": "9" * 30}, {"name": "\0", "number": 1}])
    | anything
)

hosts: Strategy = one_of_these(
    ["..", "a/../b", "a.evil.example/#", "a@b", "a:80", "127.0.0.1", "localhost?", "a\r\nhost: b", "-a", "{modelId}"]
)
parameters: Strategy = st.builds(
    lambda name, value: DEPLOYED | {name: value},
    one_of_these([*DEPLOYED, "endpointName", "__proto__", "", "modelId"]),
    hosts | leaves,
)
secrets: Strategy = texts.map(lambda text: CANARY + text) | one_of_these(
    [CANARY * 1000, [CANARY], {CANARY: CANARY}, {"apiKey": CANARY}]
)

HOSTILE: dict[str, Strategy] = {
    "filter": filters,
    "documents": documents,
    "document": documents,
    "rows": rows,
    "set": changes,
    "unset": paths,
    "key": record_keys,
    "keys": record_keys,
    "after": cursors,
    "apiKey": secrets,
    "parameters": parameters,
    "ID": ids,
    "Vector": vectors,
    "DateTime": times,
    "Date": times,
    "Int": whole,
    "Float": numbers,
    "String": texts,
}
"""By the argument's name, else by the type's."""


def hostile(name: str, type_name: str) -> Strategy:
    """Values that are wrong, or strange, for an argument of that name and named type."""
    return mostly(HOSTILE.get(name, HOSTILE.get(type_name, anything)), anything)
