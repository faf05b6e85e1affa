"""One call of `import`, by the real command: what it leaves behind, and what it tells to do next."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.app.cli.support import Call, Start, names, write
from tests.factory import TOKEN, Api, Running

HERE = ("--collection", "library.books")
HINT = "Those that bring the vector of their text are taken with --ignore '$vector', and the text is embedded anew."
FOUND = '{ organization { database(name: "library") { collection(name: "books") { documentCount } } } }'

DROP = 'mutation D($id: ID!) { dropCollection(input: {collectionId: $id, confirmName: "books"}) { __typename } }'


async def texts(api: Api, collection_id: str) -> dict[object, tuple[str | None, Any]]:
    return {key: (each["vectorize"], each["vector"]) for key, each in (await api.documents(collection_id)).items()}


# --- an export with vectors ---
async def test_an_export_with_vectors_is_taken_back_as_the_refusal_says_and_no_vector_of_one_s_own_is_lost(
    call: Call, running: Running, file: Path
) -> None:
    books = await running.api.local_collection()
    own = [round(n / 256, 6) + 0.5 for n in range(256)]
    await running.api.insert(books, {"_id": 1, "$vectorize": "A whale."}, {"_id": 2, "$vector": own})
    assert (await call("export", str(file), *HERE, "--vectors")).code == 0
    copy = await running.api.local_collection("copy", "other")
    there = ("--collection", "other.copy")
    tried = await call("import", str(file), *there, "--dry-run")
    assert (tried.code, tried.err.splitlines()[-1].endswith(f"Nothing was written. {HINT}")) == (1, True)
    refused = await call("import", str(file), *there)
    rejects = file.with_name("books.jsonl.rejected.jsonl")
    assert (refused.code, refused.out.split(", in ")[0]) == (1, "2 records: 1 inserted, 1 refused")
    assert refused.told == f"1 records were refused: mend them in {rejects}, and import that file. {HINT}"
    assert (await call("import", str(rejects), *there, "--ignore", "$vector")).code == 0
    assert await texts(running.api, copy) == await texts(running.api, books)


async def test_rows_with_vectors_are_taken_back_as_the_refusal_says(call: Call, running: Running, file: Path) -> None:
    local = {"provider": "local", "model": "wordllama-256"}
    columns: tuple[dict[str, Any], ...] = (
        {"name": "id", "type": "INT"},
        {"name": "title", "type": "TEXT"},
        {"name": "made", "type": "VECTOR", "sourceColumn": "title", "embedding": local},
    )
    films = await running.api.table(await running.api.database(), columns=columns)
    await running.api.insert_rows(films, {"id": 1, "title": "Cube"})
    assert (await call("export", str(file), "--table", "library.films", "--vectors")).code == 0
    copy = await running.api.table(await running.api.database("other"), "copy", columns=columns)
    refused = await call("import", str(file), "--table", "other.copy")
    assert (refused.code, "are taken with --ignore 'made'" in refused.told) == (1, True)
    assert (await call("import", str(file), "--table", "other.copy", "--ignore", "made")).code == 0
    assert await running.api.vectors(copy, "made") == await running.api.vectors(films, "made")


async def test_other_refusals_bring_no_such_advice(call: Call, running: Running, file: Path) -> None:
    await running.api.local_collection()
    ended = await call("import", str(write(file, [{"$vector": [1]}])), *HERE)
    assert ended.told.endswith("and import that file.")


# --- what it leaves behind ---
def damaged(file: Path) -> Path:
    packed = file.with_name("books.jsonl.gz")
    packed.write_bytes(gzip.compress(b'{"n":1}\n' * 100)[:-20])
    return packed


def utf_16(file: Path) -> Path:
    file.write_bytes('{"n": 1}\n'.encode("utf-16"))
    return file


def array(file: Path) -> Path:
    file.write_text('[{"n": 1}]')
    return file


def headless(file: Path) -> Path:
    table = file.with_name("books.csv")
    table.write_text("a,a\n1,2\n")
    return table


@pytest.mark.parametrize("wrong", [damaged, utf_16, array, headless])
async def test_a_file_that_is_refused_is_one_line_that_promises_nothing_and_leaves_nothing(
    call: Call, running: Running, file: Path, wrong: Callable[[Path], Path]
) -> None:
    await running.api.local_collection()
    given = wrong(file)
    ended = await call("import", str(given), *HERE)
    assert (ended.code, ended.out) == (1, "")
    assert "same command" not in ended.told
    assert "So far" not in ended.told
    assert names(file.parent) == [given.name]


async def test_after_a_try_that_imported_nothing_the_corrected_command_is_taken(
    call: Call, running: Running, file: Path
) -> None:
    books = await running.api.local_collection()
    write(file, [{"title": "A whale."}, {"title": "A captain."}])
    wrong = await call("import", str(file), *HERE, "--text-field", "nope")
    assert wrong.out.startswith("2 records: 2 refused, in ")
    ended = await call("import", str(file), *HERE, "--text-field", "title")
    assert (ended.code, ended.out.split(", in ")[0]) == (0, "2 records: 2 inserted")
    assert sorted(each[0] or "" for each in (await texts(running.api, books)).values()) == ["A captain.", "A whale."]


async def test_nothing_is_made_where_what_lies_beside_the_file_refuses_the_import(
    call: Call, start: Start, running: Running, file: Path
) -> None:
    books = await running.api.local_collection()
    assert (await call("import", str(write(file, [{"n": 1}])), *HERE)).code == 0
    await running.api(DROP, id=books)
    way = ("--url", running.url, "--token", TOKEN)
    directly = await call("import", str(file), *HERE, "--create")
    through = await (await start("import", str(file), *HERE, "--create", *way)).ended()
    for ended in (directly, through):
        assert (ended.code, "is of an import with another target" in ended.told) == (1, True)
    precious = file.with_name("precious")
    precious.write_text("1,2\n")
    kept = await call("import", str(file), *HERE, "--create", "--restart", "--rejected", str(precious))
    assert (kept.code, kept.told.endswith("move it, or give --rejected another place.")) == (1, True)
    assert (await running.api(FOUND))["organization"]["database"]["collection"] is None
    assert precious.read_text() == "1,2\n"
    assert (await call("import", str(file), *HERE, "--create", "--restart")).code == 0
    assert (await running.api(FOUND))["organization"]["database"]["collection"] == {"documentCount": 1}


async def test_a_file_that_is_none_of_refused_records_is_left_alone_and_nothing_is_imported(
    call: Call, running: Running, file: Path
) -> None:
    books = await running.api.local_collection()
    precious = file.with_name("books.jsonl.rejected.jsonl")
    precious.write_text('{"my": "data"}\n')
    ended = await call("import", str(write(file, [{"n": 1}])), *HERE)
    assert ended.told == f"{precious} is no file of refused records: move it, or give --rejected another place."
    assert (precious.read_text(), names(file.parent)) == ('{"my": "data"}\n', [file.name, precious.name])
    assert await texts(running.api, books) == {}


# --- what looks wrong ---
async def test_a_text_field_that_no_record_has_is_told_at_once(call: Call, running: Running, file: Path) -> None:
    await running.api.local_collection()
    write(file, [{"title": "A whale.", "blurb": None}, {"title": "A captain."}])
    told = "No record of the lines 1 to 2 has the field 'nope', which --text-field names.\n"
    wrong = ("--text-field", "nope", "--text-field", "title", "--text-field", "blurb", "--quiet")
    for more in (("--dry-run",), ()):
        ended = await call("import", str(file), *HERE, *wrong, *more)
        assert (ended.code, ended.err) == (0, told)
    good = await call("import", str(file), *HERE, "--text-field", "title", "--text-field", "blurb", "--restart")
    assert (good.code, good.err) == (0, "")
