from __future__ import annotations

import pytest

from app.cli.transfer.mapping import Fields
from app.errors import BadInput

BOOK = {"isbn": "1", "title": "Moby-Dick", "blurb": "A whale.", "embedding": [1, 2], "year": 1851}


def test_fields_stay_as_they_are_where_nothing_is_said() -> None:
    assert Fields().item(BOOK) == BOOK


def test_key_text_and_vector_are_moved() -> None:
    found = Fields(key="isbn", texts=("blurb",), ignored=frozenset({"embedding"})).item(BOOK)
    assert found == {"_id": "1", "title": "Moby-Dick", "year": 1851, "$vectorize": "A whale."}
    assert Fields(vector="embedding").item(BOOK)["$vector"] == [1, 2]


def test_several_texts_are_joined_and_stay() -> None:
    found = Fields(texts=("title", "subtitle", "blurb")).item(BOOK)
    assert found == {**BOOK, "$vectorize": "Moby-Dick\nA whale."}


def test_a_key_is_made_for_a_record_that_has_none() -> None:
    assert Fields().item({"a": 1}, "made")["_id"] == "made"
    assert Fields().item({"_id": None}, "made")["_id"] == "made"
    assert Fields().item({"_id": 0}, "made")["_id"] == 0
    assert Fields(key="isbn").item(BOOK, "made")["_id"] == "1"


@pytest.mark.parametrize(
    "fields", [Fields(key="no"), Fields(texts=("no",)), Fields(vector="no"), Fields(texts=("no", "nor"))]
)
def test_a_record_without_a_named_field_is_refused_unless_cells_can_be_empty(fields: Fields) -> None:
    with pytest.raises(BadInput, match="no"):
        fields.item(BOOK)
    lenient = Fields(fields.key, fields.texts, fields.vector, lenient=True)
    assert not [value for name, value in lenient.item(BOOK).items() if name.startswith(("$", "_")) and value]


def test_a_text_that_is_none_is_refused_where_it_would_be_joined() -> None:
    with pytest.raises(BadInput, match="one is no text"):
        Fields(texts=("title", "year")).item(BOOK)


def test_texts_that_no_record_has_are_known_where_several_are_joined() -> None:
    records: list[dict[str, object]] = [{"title": "Emma"}, {"blurb": None}]
    assert Fields(texts=("title", "no", "blurb")).absent(records) == ["no"]
    for told_otherwise in (Fields(texts=("no",)), Fields(texts=("title", "no"), lenient=True)):
        assert told_otherwise.absent(records) == []


def test_the_record_stays_as_it_was_read() -> None:
    before = dict(BOOK)
    Fields(key="isbn", texts=("blurb",)).item(BOOK)
    assert before == BOOK
