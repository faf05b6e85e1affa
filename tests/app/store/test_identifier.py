"""What is put into statements beside constants: quoted names, and placeholders."""

from __future__ import annotations

from uuid import UUID

from app.store.identifier import Arguments, collection_table, quoted, schema
from app.store.path import is_index, reached

DATABASE, COLLECTION = UUID(int=1), UUID(int=2)


def test_names_come_from_ids_and_are_quoted() -> None:
    assert schema(DATABASE) == '"vg_00000000000000000000000000000001"'
    assert collection_table(DATABASE, COLLECTION) == f'{schema(DATABASE)}."c_00000000000000000000000000000002"'
    assert quoted('a"; drop table x; --') == '"a""; drop table x; --"'


def test_values_become_placeholders_and_equal_texts_share_one() -> None:
    arguments = Arguments()
    assert [arguments.put("a"), arguments.put("a"), arguments.text("b"), arguments.text("c"), arguments.text("b")] == [
        "$1",
        "$2",
        "$3::text",
        "$4::text",
        "$3::text",
    ]
    assert arguments == ["a", "a", "b", "c"]


def test_a_path_is_made_of_placeholders_alone() -> None:
    arguments = Arguments()
    assert reached("body", ["a'b", "0", "a'b"], arguments) == "(((body -> $1::text) #> array[$2::text]) -> $1::text)"
    assert arguments == ["a'b", "0"]


def test_an_index_is_written_in_one_way() -> None:
    assert all(is_index(each) for each in ("0", "1", "10", "999999999"))
    assert not any(
        is_index(each) for each in ("", "-1", "+1", "01", " 1", "1 ", "1.0", "1e3", "\u0661", "²", "9999999999", "1\n")
    )
