"""`vectorgate export`: what is written is what is there, in its order, and `import` reads it back as it was."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.app.cli.support import Call, Ended, Start
from tests.factory import TOKEN, Api, Running

DOCUMENTS: list[dict[str, Any]] = [
    {"_id": "b", "title": "Moby-Dick", "year": 1851, "price": 9.5, "$vectorize": "A whale."},
    {"_id": 7, "title": "7", "tags": ["a", "b"], "deep": {"list": [1, {"x": True}]}},
    {"_id": "a", "title": 'quotes " and, commas\nand lines', "year": "unknown", "$vectorize": ""},
    {"_id": "7", "flag": False, "title": "", "$vectorize": "Another text."},
]
COLUMNS: tuple[dict[str, Any], ...] = (
    {"name": "id", "type": "BIGINT"},
    {"name": "title", "type": "TEXT"},
    {"name": "seen", "type": "TIMESTAMP"},
    {"name": "score", "type": "DOUBLE"},
    {"name": "good", "type": "BOOLEAN"},
    {"name": "tags", "type": "JSON"},
    {"name": "code", "type": "UUID"},
    {"name": "own", "type": "VECTOR", "dimension": 2},
    {
        "name": "made",
        "type": "VECTOR",
        "sourceColumn": "title",
        "embedding": {"provider": "local", "model": "wordllama-256"},
    },
)
ROWS: list[dict[str, Any]] = [
    {"id": 1, "title": "Cube", "seen": "2030-01-31T12:00:00.000001Z", "score": 0.1, "good": True, "own": [0.25, 1]},
    {"id": str(2**60), "title": "", "tags": {"a": [1, None]}, "code": "123e4567-e89b-12d3-a456-426614174000"},
    {"id": -3, "title": "1984", "good": False, "tags": "text"},
]


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def contents(api: Api, collection_id: str) -> list[tuple[object, object, object]]:
    """Fields, text and vector of all documents, in order of keys."""
    found = await api.documents(collection_id)
    return [(each["fields"], each["vectorize"], each["vector"]) for _, each in sorted(found.items(), key=str)]


async def filled(running: Running) -> str:
    """A collection with all kinds of documents."""
    books = await running.api.local_collection()
    vector = [round(n / 256, 6) + 0.5 for n in range(256)]
    await running.api.insert(books, *DOCUMENTS)
    await running.api.insert(books, {"_id": "own", "$vector": vector})
    return books


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".csv", ".csv.xz", ".tsv", ".parquet"])
async def test_documents_that_were_exported_are_imported_as_they_were(
    call: Call, running: Running, tmp_path: Path, suffix: str
) -> None:
    books = await filled(running)
    file = tmp_path / f"books{suffix}"
    ended = await call("export", str(file), "--collection", "library.books")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.startswith("5 records in ")
    assert names(tmp_path) == [file.name]
    copy = await running.api.local_collection("copy", "other")
    assert (await call("import", str(file), "--collection", "other.copy")).code == 0
    assert await contents(running.api, copy) == await contents(running.api, books)


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
async def test_rows_that_were_exported_are_imported_as_they_were(
    call: Call, running: Running, tmp_path: Path, suffix: str
) -> None:
    films = await running.api.table(await running.api.database(), columns=COLUMNS)
    await running.api.insert_rows(films, *ROWS)
    file = tmp_path / f"films{suffix}"
    assert (await call("export", str(file), "--table", "library.films")).code == 0
    copy = await running.api.table(await running.api.database("other"), "copy", columns=COLUMNS)
    assert (await call("import", str(file), "--table", "other.copy")).code == 0
    assert sorted(await running.api.rows(copy), key=str) == sorted(await running.api.rows(films), key=str)
    for column in ("own", "made"):
        assert await running.api.vectors(copy, column) == await running.api.vectors(films, column)


async def test_it_goes_to_standard_output_in_order_and_as_far_as_it_matches(call: Call, running: Running) -> None:
    await filled(running)
    ended = await call("export", "--collection", "library.books", "--filter", '{"title": {"$exists": true}}')
    records = [json.loads(line) for line in ended.out.splitlines()]
    assert ended.code == 0
    assert sorted(records, key=str) == sorted(DOCUMENTS, key=str)
    again = await call("export", "--collection", "library.books", "--filter", '{"title": {"$exists": true}}', "-q")
    assert again.out == ended.out


async def test_vectors_that_were_made_are_written_when_they_are_asked_for(call: Call, running: Running) -> None:
    books = await filled(running)
    ended = await call("export", "--collection", "library.books", "--vectors")
    written = {str(each["_id"]): each.get("$vector") for each in map(json.loads, ended.out.splitlines())}
    assert written == {str(key): each["vector"] for key, each in (await running.api.documents(books)).items()} | {
        "7": written["7"]
    }
    without = await call("export", "--collection", "library.books")
    assert [each["_id"] for each in map(json.loads, without.out.splitlines()) if "$vector" in each] == ["own"]


async def test_csv_has_every_field_that_a_document_has(call: Call, running: Running, tmp_path: Path) -> None:
    await filled(running)
    file = tmp_path / "books.csv"
    assert (
        await call("export", str(file), "--collection", "library.books", "--filter", '{"_id": {"$in": ["a", "7"]}}')
    ).code == 0
    header, *rows = csv.reader(file.read_text().splitlines(keepends=True))
    assert (header[0], header[-1], sorted(header[1:-1])) == ("_id", "$vectorize", ["flag", "title", "year"])
    assert len(rows) == 2


async def test_pages_that_are_too_large_are_asked_for_in_smaller_ones(
    call: Call, running: Running, tmp_path: Path
) -> None:
    books = await running.api.local_collection()
    for number in range(8):
        await running.api.insert(books, {"_id": number, "large": "x" * 3_500_000})
    file = tmp_path / "books.jsonl.gz"
    assert (await call("export", str(file), "--collection", "library.books")).code == 0
    with gzip.open(file) as stream:
        assert [json.loads(line)["_id"] for line in stream] == list(range(8))


async def test_through_a_server_it_is_the_same(call: Call, start: Start, running: Running) -> None:
    await filled(running)
    films = await running.api.table(await running.api.database("other"), columns=COLUMNS)
    await running.api.insert_rows(films, *ROWS)
    way = ("--url", running.url, "--token", TOKEN)
    for target in (
        ("--collection", "library.books"),
        ("--table", "other.films"),
        ("--table", "other.films", "--vectors"),
    ):
        directly = await call("export", *target)
        ended = await (await start("export", *target, *way)).ended()
        assert (ended.code, ended.out) == (0, directly.out)


async def test_a_file_that_cannot_be_written_is_one_line_and_what_was_there_stays(
    call: Call, running: Running, tmp_path: Path
) -> None:
    await filled(running)
    nowhere = await call("export", str(tmp_path / "nowhere" / "books.jsonl"), "--collection", "library.books")
    assert (nowhere.code, nowhere.out) == (1, "")
    assert nowhere.told.endswith("cannot be written (No such file or directory).")
    file = tmp_path / "books.jsonl"
    file.write_text("precious\n")
    failed = await call("export", str(file), "--collection", "library.books", "--filter", '{"$nonsense": 1}')
    assert (failed.code, file.read_text()) == (1, "precious\n")
    assert names(tmp_path) == ["books.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--collection", "a.b", "--filter", "{"), "--filter is a JSON object"),
        (("--collection", "a.b", "--filter", "[]"), "--filter is a JSON object"),
        (("books.txt", "--collection", "a.b"), "give --format"),
        ((), "--collection and --table"),
    ],
)
def test_options_that_make_no_sense_are_exit_code_2(
    inside: Callable[..., Ended], arguments: tuple[str, ...], told: str
) -> None:
    ended = inside("export", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
