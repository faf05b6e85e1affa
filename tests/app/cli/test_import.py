"""`vectorgate import`: the real command on a real database, directly and through a server, and broken off in the middle."""

from __future__ import annotations

import json
import os
import signal
from asyncio.subprocess import PIPE
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.app.cli.conftest import on
from tests.app.cli.support import Call, Ended, Start, Vectorgate, names, write
from tests.factory import TOKEN, Api, Running
from tests.patience import until

COUNT = "query C($id: ID!) { node(id: $id) { ... on Collection { documentCount } } }"
PLAIN = ({"name": "id", "type": "INT"}, {"name": "title", "type": "TEXT"}, {"name": "tags", "type": "JSON"})


def last_line(file: Path) -> str:
    return file.read_text().splitlines()[-1]


def rejected(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


async def numbers(api: Api, collection_id: str) -> list[int]:
    """The field n of all documents, in order of creation."""
    document = """
        query Q($id: ID!, $after: String) {
          node(id: $id) { ... on Collection { documents(first: 500, after: $after) { nodes { fields } pageInfo { endCursor } } } }
        }"""
    found: list[int] = []
    after = None
    while (page := (await api(document, id=collection_id, after=after))["node"]["documents"])["nodes"]:
        found += [each["fields"]["n"] for each in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    return found


# --- what goes in ---
async def test_records_become_documents_and_are_found_by_meaning(call: Call, running: Running, file: Path) -> None:
    books = await running.api.local_collection()
    write(
        file,
        [
            {"isbn": "1", "title": "Moby-Dick", "blurb": "A captain hunts a white whale across the seas."},
            {"isbn": "2", "title": "Emma", "blurb": "A young woman arranges marriages in a village."},
            {"isbn": "3", "title": "Silence", "blurb": None},
        ],
    )
    ended = await call(
        "import", str(file), "--collection", "library.books", "--id-field", "isbn", "--text-field", "blurb"
    )
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("3 records: 3 inserted, in ")
    documents = await running.api.documents(books)
    assert documents["1"]["fields"] == {"_id": "1", "title": "Moby-Dick"}
    assert documents["1"]["vectorize"] == "A captain hunts a white whale across the seas."
    assert documents["3"]["vector"] is None
    found = await running.api.search(books, query="an obsession with an animal of the ocean", first=1)
    assert [each["node"]["key"] for each in found["edges"]] == ["1"]


async def test_a_finished_import_is_not_done_twice_unless_it_is_asked_for(
    call: Call, running: Running, file: Path
) -> None:
    arguments = ("import", str(write(file, [{"n": 1}, {"n": 2}])), "--collection", "library.books")
    books = await running.api.local_collection()
    assert (await call(*arguments)).code == 0
    again = await call(*arguments)
    assert (again.code, again.out) == (
        0,
        f"{file} is imported already: 2 records: 2 inserted. --restart imports it again.\n",
    )
    assert await numbers(running.api, books) == [1, 2]
    assert (await call(*arguments, "--restart")).code == 0
    assert await numbers(running.api, books) == [1, 2, 1, 2]


async def test_missing_places_are_made_when_that_is_asked_for(call: Call, running: Running, file: Path) -> None:
    write(file, [{"text": "a whale"}])
    arguments = ("import", str(file), "--collection", "library.books", "--text-field", "text")
    missing = await call(*arguments)
    assert (missing.code, missing.out) == (1, "")
    assert missing.told == "There is no database named 'library': --create makes it, and the collection."
    assert (await call(*arguments, "--create")).code == 0
    found = await running.api(
        '{ organization { database(name: "library") { collection(name: "books") { documentCount } } } }'
    )
    assert found["organization"]["database"]["collection"]["documentCount"] == 1


async def test_refused_records_are_written_with_the_reason_and_can_be_mended(
    call: Call, running: Running, file: Path
) -> None:
    books = await running.api.local_collection()
    write(
        file,
        [{"_id": 1, "n": 1}, "nonsense", {"_id": 1, "n": 2}, {"_id": 4, "n": 4, "$vector": [1]}, {"_id": 5, "n": 5}],
    )
    ended = await call("import", str(file), "--collection", "library.books")
    refusals = file.with_name("books.jsonl.rejected.jsonl")
    assert ended.code == 1
    assert ended.out.startswith("5 records: 2 inserted, 3 refused, in ")
    assert ended.told == f"3 records were refused: mend them in {refusals}, and import that file."
    found = rejected(refusals)
    assert [(each["$rejected"]["line"], each["$rejected"]["code"]) for each in found] == [
        (2, "BAD_INPUT"),
        (3, "ALREADY_EXISTS"),
        (4, "INVALID_VECTOR_LENGTH"),
    ]
    assert [each["$line"] for each in found] == ["nonsense", {"_id": 1, "n": 2}, {"_id": 4, "n": 4, "$vector": [1]}]
    found[0]["$line"], found[1]["$line"]["_id"] = '{"_id": 2, "n": 2}', 3
    del found[2]["$line"]["$vector"]
    assert (await call("import", str(write(refusals, found)), "--collection", "library.books")).code == 0
    assert sorted(await numbers(running.api, books)) == [1, 2, 2, 4, 5]


async def test_a_finished_import_leaves_what_was_mended_alone(call: Call, running: Running, file: Path) -> None:
    await running.api.local_collection()
    arguments = ("import", str(write(file, [{"n": 1}, "nonsense"])), "--collection", "library.books")
    assert (await call(*arguments)).code == 1
    refusals = file.with_name("books.jsonl.rejected.jsonl")
    mended = [each | {"$line": {"n": 2, "mended": "and longer than it was before"}} for each in rejected(refusals)]
    content = write(refusals, mended).read_bytes()
    again = await call(*arguments)
    assert (again.code, "is imported already" in again.out) == (0, True)
    assert refusals.read_bytes() == content


async def test_an_import_goes_on_with_its_refused_records_unless_they_were_changed(
    call: Call, running: Running, file: Path
) -> None:
    books = await running.api.local_collection()
    arguments = ("import", str(write(file, [{"n": 1}, "nonsense"])), "--collection", "library.books")
    await call(*arguments)
    refusals, checkpoint = file.with_name("books.jsonl.rejected.jsonl"), file.with_name("books.jsonl.checkpoint")
    whole = refusals.read_bytes()
    lines = [json.loads(line) for line in checkpoint.read_bytes().splitlines()]
    write(checkpoint, [*lines[:-1], lines[-1] | {"done": False, "at": lines[-1]["at"] - 90_000}])
    refusals.write_bytes(whole.replace(b"nonsense", b"something else"))
    changed = await call(*arguments)
    assert (changed.code, changed.out) == (1, "")
    assert changed.told == f"{refusals} was changed since: move it, or give --rejected another place."
    assert refusals.read_bytes() == whole.replace(b"nonsense", b"something else")
    refusals.write_bytes(whole)
    ended = await call(*arguments)
    assert "records of the last batches may be told as already there" in ended.err
    assert ended.out.startswith("2 records: 1 inserted, 1 refused, in ")
    assert (refusals.read_bytes(), await numbers(running.api, books)) == (whole, [1])


@pytest.mark.parametrize("way", ["directly", "through a server"])
async def test_what_cannot_be_kept_as_it_stands_is_refused_and_the_rest_is_imported(
    call: Call, running: Running, file: Path, way: str
) -> None:
    books = await running.api.local_collection()
    deep = '{"n": ' + "[" * 300 + "]" * 300 + "}"
    write(file, [{"n": 1}, deep, '{"n": 123456789012345678901234567890}', {"n": 2}])
    more = ("--url", running.url, "--token", TOKEN) if way == "through a server" else ()
    ended = await call("import", str(file), "--collection", "library.books", *more)
    assert (ended.code, ended.out.split(", in ")[0]) == (1, "4 records: 2 inserted, 2 refused")
    found = rejected(file.with_name("books.jsonl.rejected.jsonl"))
    assert [(each["$rejected"]["line"], each["$line"]) for each in found] == [
        (2, deep),
        (3, '{"n": 123456789012345678901234567890}'),
    ]
    assert await numbers(running.api, books) == [1, 2]


async def test_a_field_that_is_left_out_refuses_no_record(call: Call, running: Running, tmp_path: Path) -> None:
    books = await running.api.local_collection()
    large = "123456789012345678901234567890"
    for name, content in (("a.jsonl", f'{{"n": 1, "isbn": {large}}}\n'), ("a.csv", f"n,isbn\n2,{large}\n")):
        (tmp_path / name).write_text(content)
        ended = await call("import", str(tmp_path / name), "--collection", "library.books", "--ignore", "isbn")
        assert (ended.code, ended.err) == (0, "")
    assert await numbers(running.api, books) == [1, 2]


@pytest.mark.parametrize(
    ("manner", "left", "told"), [("skip", "old", "1 inserted, 1 skipped"), ("replace", "new", "1 inserted, 1 replaced")]
)
async def test_what_happens_to_keys_that_are_taken_can_be_chosen(
    call: Call, running: Running, file: Path, manner: str, left: str, told: str
) -> None:
    books = await running.api.local_collection()
    await running.api.insert(books, {"_id": 1, "state": "old"})
    write(file, [{"_id": 1, "state": "new"}, {"_id": 2, "state": "new"}])
    ended = await call("import", str(file), "--collection", "library.books", "--on-conflict", manner)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"2 records: {told}, in ")
    assert (await running.api.documents(books))[1]["fields"]["state"] == left


async def test_rows_of_csv_take_the_types_of_their_columns(call: Call, running: Running, tmp_path: Path) -> None:
    films = await running.api.table(await running.api.database(), columns=PLAIN)
    file = tmp_path / "films.csv"
    file.write_text('id,title,tags\r\n1,1984,"[""dystopia""]"\r\n2,,\r\nthree,Cube,\r\n')
    ended = await call("import", str(file), "--table", "library.films")
    assert (ended.code, ended.out.split(", in ")[0]) == (1, "3 records: 2 inserted, 1 refused")
    assert await running.api.rows(films) == [
        {"id": 1, "title": "1984", "tags": ["dystopia"]},
        {"id": 2, "title": None, "tags": None},
    ]
    (refused,) = rejected(tmp_path / "films.csv.rejected.jsonl")
    assert refused["$line"] == {"id": "three", "title": "Cube"}
    assert refused["$rejected"]["message"].startswith("id is INT and takes a whole number")


async def test_a_dry_run_checks_every_record_and_writes_nothing(call: Call, running: Running, file: Path) -> None:
    books = await running.api.local_collection()
    write(file, [{"_id": 1}, "nonsense", {"_id": 3, "$vector": [1]}])
    ended = await call("import", str(file), "--collection", "library.books", "--dry-run")
    assert (ended.code, ended.out) == (1, "")
    *shown, last = ended.err.splitlines()
    assert [line.split(": ")[:2] for line in shown] == [["line 2", "BAD_INPUT"], ["line 3", "INVALID_VECTOR_LENGTH"]]
    assert last == "vectorgate: 2 of 3 records would be refused. Nothing was written."
    assert (await running.api(COUNT, id=books))["node"]["documentCount"] == 0
    assert names(file.parent) == [file.name]
    good = await call("import", str(write(file, [{"_id": 1}])), "--collection", "library.books", "--dry-run")
    assert (good.code, good.out, good.err) == (0, "1 records can be imported. Nothing was written.\n", "")


async def test_standard_input_is_read_and_leaves_no_checkpoint(
    start: Start, database_url: str, running: Running, tmp_path: Path
) -> None:
    books = await running.api.local_collection()
    rejects = tmp_path / "rejected"
    arguments = ("import", "-", "--collection", "library.books", "--rejected", str(rejects))
    command = await start(*arguments, stdin=PIPE, **on(database_url))
    assert command.process.stdin is not None
    command.process.stdin.write(b'{"n":1}\nnonsense\n{"n":3}\n')
    command.process.stdin.close()
    ended = await command.ended()
    assert (ended.code, ended.out.split(", in ")[0]) == (1, "3 records: 2 inserted, 1 refused")
    assert await numbers(running.api, books) == [1, 3]
    assert names(tmp_path) == [rejects.name]


async def test_an_interrupted_wait_for_standard_input_ends_at_once(
    start: Start, database_url: str, running: Running
) -> None:
    books = await running.api.local_collection()
    arguments = ("import", "-", "--collection", "library.books", "--batch-size", "1", "--in-flight", "1")
    command = await start(*arguments, stdin=PIPE, **on(database_url))
    assert command.process.stdin is not None
    command.process.stdin.write(b'{"n":1}\n')

    async def is_there() -> bool:
        return bool((await running.api(COUNT, id=books))["node"]["documentCount"])

    await until(is_there)
    ended = await command.stopped(signal.SIGINT)
    assert (ended.code, ended.told) == (1, "Interrupted: 1 records: 1 inserted.")


# --- broken off ---
def last_noted(checkpoint: Path) -> int:
    lines = checkpoint.read_bytes().split(b"\n")[1:-1] if checkpoint.exists() else []
    return int(json.loads(lines[-1])["line"]) if lines else 0


async def begun(command: Vectorgate, checkpoint: Path, line: int) -> None:
    """Until so many lines are noted."""

    async def noted() -> bool:
        assert command.process.returncode is None, command.err.text
        return last_noted(checkpoint) >= line

    await until(noted)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
async def test_broken_off_the_same_command_goes_on_and_nothing_is_lost_or_doubled(
    call: Call, start: Start, database_url: str, running: Running, file: Path, number: signal.Signals
) -> None:
    books = await running.api.local_collection()
    keyed = [
        {"_id": n, "n": n, "$vectorize": f"text {n}"} if n % 2 else {"n": n, "$vectorize": f"text {n}"}
        for n in range(6000)
    ]
    write(file, [*keyed[:3000], "nonsense", *keyed[3000:]])
    arguments = ("import", str(file), "--collection", "library.books", "--batch-size", "20")
    command = await start(*arguments, **on(database_url))
    await begun(command, file.with_name("books.jsonl.checkpoint"), 200)
    if number is signal.SIGKILL:
        await command.kill()
    else:
        ended = await command.stopped(number)
        assert ended.code == 1
        assert "Interrupted: " in ended.err
        assert ended.err.endswith("Run the same command again, and it goes on from there.\n")
    there = await numbers(running.api, books)
    assert 0 < len(there) < 6000
    ended = await call(*arguments)
    assert ended.code == 1
    assert ended.err.startswith("Going on behind line ")
    assert ended.out.startswith("6,001 records: 6,000 inserted, 1 refused, in ")
    assert sorted(await numbers(running.api, books)) == list(range(6000))
    assert [each["$rejected"]["line"] for each in rejected(file.with_name("books.jsonl.rejected.jsonl"))] == [3001]


async def test_a_database_that_goes_away_in_the_middle_is_waited_for(
    start: Start, running: Running, file: Path, database_url: str
) -> None:
    books = await running.api.local_collection()
    write(file, [{"n": n} for n in range(4000)])
    command = await start(
        "import", str(file), "--collection", "library.books", "--batch-size", "20", **on(database_url)
    )
    await begun(command, file.with_name("books.jsonl.checkpoint"), 200)
    await running.as_login(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    )
    ended = await command.ended()
    assert (ended.code, ended.out.split(", in ")[0]) == (0, "4,000 records: 4,000 inserted")
    assert sorted(await numbers(running.api, books)) == list(range(4000))


async def test_another_import_of_the_same_file_is_refused_while_one_is_unfinished(
    call: Call, running: Running, file: Path
) -> None:
    await running.api.local_collection()
    write(file, [{"n": 1}])
    assert (await call("import", str(file), "--collection", "library.books")).code == 0
    other = await call("import", str(file), "--collection", "library.books", "--text-field", "n")
    assert (other.code, other.out) == (1, "")
    assert "is of an import with another options" in other.told
    write(file, [{"n": 1}, {"n": 2}])
    changed = await call("import", str(file), "--collection", "library.books")
    assert "is of an import with another file" in changed.told


# --- through a server ---
async def test_through_a_server_with_a_token(start: Start, running: Running, file: Path) -> None:
    books = await running.api.local_collection()
    write(file, [{"n": n, "$vectorize": f"text {n}"} for n in range(50)] + ["nonsense", {"n": 51, "$vector": [1]}])
    arguments = ("import", str(file), "--collection", "library.books", "--url", running.url, "--batch-size", "7")
    ended = await (await start(*arguments, "--token", TOKEN)).ended()
    assert (ended.code, ended.out.split(", in ")[0]) == (1, "52 records: 50 inserted, 2 refused")
    assert sorted(await numbers(running.api, books)) == list(range(50))
    found = rejected(file.with_name("books.jsonl.rejected.jsonl"))
    assert [each["$rejected"]["code"] for each in found] == ["BAD_INPUT", "INVALID_VECTOR_LENGTH"]


async def test_rows_through_a_server(start: Start, running: Running, tmp_path: Path) -> None:
    films = await running.api.table(await running.api.database(), columns=PLAIN)
    file = tmp_path / "films.tsv"
    file.write_text("id\ttitle\n1\tCube\n")
    arguments = ("import", str(file), "--table", "library.films", "--url", f"{running.url}/graphql", "--token", TOKEN)
    assert (await (await start(*arguments)).ended()).code == 0
    assert await running.api.rows(films) == [{"id": 1, "title": "Cube", "tags": None}]


async def test_what_is_missing_is_made_through_a_server(start: Start, running: Running, file: Path) -> None:
    arguments = (
        "import",
        str(write(file, [{"n": 1}])),
        "--collection",
        "library.books",
        "--url",
        running.url,
        "--create",
    )
    assert (await (await start(*arguments, "--token", TOKEN)).ended()).code == 0
    found = await running.api(
        '{ organization { database(name: "library") { collection(name: "books") { documentCount } } } }'
    )
    assert found["organization"]["database"]["collection"]["documentCount"] == 1


@pytest.mark.parametrize(
    ("url", "token", "told"),
    [
        ("", "vg_wrong", "The access token is not valid"),
        ("http://127.0.0.1:1", TOKEN, "http://127.0.0.1:1/graphql cannot be reached ("),
        ("/elsewhere", TOKEN, "/elsewhere/graphql answers 404, and not as a gateway does: is it the right address?"),
    ],
)
async def test_a_server_that_does_not_let_in_is_one_line(
    start: Start, running: Running, file: Path, url: str, token: str, told: str
) -> None:
    address = url if url.startswith("http") else f"{running.url}{url}"
    arguments = ("import", str(write(file, [{"n": 1}])), "--collection", "library.books", "--url", address)
    ended = await (await start(*arguments, "--token", token)).ended()
    assert (ended.code, ended.out) == (1, "")
    assert told in ended.told


async def test_the_token_can_stand_in_a_variable(
    running: Running, file: Path, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    await running.api.local_collection()
    monkeypatch.setattr("tests.app.cli.conftest.INHERITED", ("PATH", "HOME", "VG_TOKEN"))
    monkeypatch.setitem(os.environ, "VG_TOKEN", TOKEN)
    arguments = ("import", str(write(file, [{"n": 1}])), "--collection", "library.books", "--url", running.url)
    assert (await (await start(*arguments)).ended()).code == 0


# --- wrong usage ---
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("books.jsonl",), "--collection and --table"),
        (("books.jsonl", "--collection", "a.b", "--table", "a.b"), "--collection and --table"),
        (("books.jsonl", "--collection", "books"), "is not DATABASE.NAME"),
        (("books.txt", "--collection", "a.b"), "give --format"),
        (("books.jsonl", "--table", "a.b", "--text-field", "t"), "are for collections"),
        (
            ("books.jsonl", "--collection", "a.b", "--text-field", "t", "--vector-field", "v"),
            "--text-field, or --vector-field",
        ),
        (("books.jsonl", "--collection", "a.b", "--dry-run", "--create"), "--dry-run makes nothing"),
        (
            ("books.jsonl", "--collection", "a.b", "--dry-run", "--url", "http://x", "--token", "t"),
            "a server checks only what it stores",
        ),
        (("books.jsonl", "--collection", "a.b", "--url", "http://x"), "needs an access token"),
        (
            ("books.jsonl", "--collection", "a.b", "--url", "http://x", "--token", "t", "--organization", "o"),
            "leave --organization out",
        ),
        (("books.csv", "--collection", "a.b", "--delimiter", "::"), "--delimiter is one character"),
        (("books.jsonl", "--collection", "a.b", "--batch-size", "1001"), "batch-size"),
    ],
)
def test_options_that_do_not_go_together_are_exit_code_2(
    inside: Callable[..., Ended], tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    name, *more = arguments
    (tmp_path / name).touch()
    ended = inside("import", str(tmp_path / name), *more)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err


def test_a_file_that_is_not_there_is_one_line(inside: Callable[..., Ended], tmp_path: Path) -> None:
    ended = inside("import", str(tmp_path / "none.jsonl"), "--collection", "a.b")
    assert (ended.code, ended.out) == (1, "")
    assert ended.told == f"{tmp_path / 'none.jsonl'} cannot be read (No such file or directory)."


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--rejected", "books.jsonl"), "--rejected is the same file as"),
        (("--checkpoint", "books.jsonl"), "--checkpoint is the same file as"),
        (("--rejected", "linked"), "--rejected is the same file as"),
        (("--rejected", "sub/../new", "--checkpoint", "new"), "--checkpoint is the same file as --rejected"),
        (("--rejected", "books.jsonl", "--dry-run"), "--rejected is the same file as"),
    ],
)
def test_what_is_written_must_not_be_what_is_read(
    inside: Callable[..., Ended], file: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(file.parent)
    write(file, [{"n": 1}])
    Path("linked").hardlink_to(file)
    Path("sub").mkdir()
    before = names(file.parent)
    ended = inside("import", str(file), "--collection", "library.books", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
    assert (file.read_text(), names(file.parent)) == ('{"n": 1}\n', before)


async def test_what_standard_input_comes_from_must_not_be_written(start: Start, database_url: str, file: Path) -> None:
    write(file, [{"n": 1}])
    arguments = ("import", "-", "--collection", "library.books", "--rejected", str(file))
    descriptor = os.open(file, os.O_RDONLY)
    try:
        ended = await (await start(*arguments, stdin=descriptor, **on(database_url))).ended()
    finally:
        os.close(descriptor)
    assert ended.code == 2
    assert "--rejected is the same file as standard input" in ended.err
    assert last_line(file) == '{"n": 1}'
