"""The document cache: what is read once, what is refused, and what is let go."""

from __future__ import annotations

from hashlib import sha256

import pytest
from graphql import OperationType, ValidationContext, ValidationRule

from app.errors import BadInput, LimitExceeded
from resolvers.operation.document import (
    MAX_ERRORS,
    REFUSED_BYTES,
    TOKEN_BYTES,
    DocumentCache,
    PreparedDocument,
    RefusedDocument,
)
from resolvers.operation.execution import core_schema
from resolvers.operation.limits import MOST_DEFINITIONS, MOST_SELECTIONS, RequestLimits
from tests.resolvers.operation.small import SCHEMA, SECRET
from tests.resolvers.operation.test_limits import spreading

LIMITS = RequestLimits()


class CountingRule(ValidationRule):
    """Made once for each validation, so the number of its instances is the number of validations."""

    made = 0

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        type(self).made += 1


@pytest.fixture
def cache() -> DocumentCache:
    made = DocumentCache(core_schema(SCHEMA), LIMITS)
    CountingRule.made = 0
    made.rules = (*made.rules, CountingRule)
    return made


def prepared(cache: DocumentCache, text: str) -> PreparedDocument:
    document = cache.prepare(text)
    assert isinstance(document, PreparedDocument), document.errors
    return document


def refused(cache: DocumentCache, text: str) -> RefusedDocument:
    document = cache.prepare(text)
    assert isinstance(document, RefusedDocument)
    return document


def test_a_document_is_validated_once(cache: DocumentCache) -> None:
    first = cache.prepare("{ echo }")
    assert cache.prepare("{ echo }") is first
    assert CountingRule.made == 1
    assert cache.prepare("{ echo  }") is not first
    assert CountingRule.made == 2


def test_a_failing_document_is_validated_once_too(cache: DocumentCache) -> None:
    first = cache.prepare("{ nothing }")
    assert cache.prepare("{ nothing }") is first
    assert CountingRule.made == 1
    assert isinstance(first, RefusedDocument)


def test_a_document_carries_its_hash_tokens_and_operations(cache: DocumentCache) -> None:
    text = "query A { echo } mutation B { slow }"
    document = prepared(cache, text)
    assert document.hash == sha256(text.encode()).hexdigest()
    assert document.tokens == 10
    assert document.operation("A").kind is OperationType.QUERY
    assert document.operation("B").kind is OperationType.MUTATION
    assert document.operation("B").size.root_fields == 1


def test_an_operation_is_chosen_by_name_where_there_are_several(cache: DocumentCache) -> None:
    document = prepared(cache, "query A { echo } query B { echo }")
    with pytest.raises(BadInput, match="2 operations"):
        document.operation(None)
    with pytest.raises(BadInput, match="no operation of the name"):
        document.operation("C")
    assert prepared(cache, "{ echo }").operation(None).name is None


def test_validation_errors_keep_their_place_and_are_bad_input(cache: DocumentCache) -> None:
    (error,) = refused(cache, "{\n  nothing\n}").errors
    assert isinstance(error.original_error, BadInput)
    assert error.message == "Cannot query field 'nothing' on type 'Query'."
    assert error.locations is not None
    assert [tuple(location) for location in error.locations] == [(2, 3)]


def test_kept_errors_hold_nothing_of_the_document(cache: DocumentCache) -> None:
    for text in ("{ nothing }", "{ echo(text: }"):
        (error,) = refused(cache, text).errors
        assert error.nodes is None
        assert error.source is None
        assert error.__traceback__ is None


def test_a_syntax_error_keeps_line_and_column_and_quotes_nothing(cache: DocumentCache) -> None:
    (error,) = refused(cache, f'{{\n  echo(text: "a" "{SECRET}")\n}}').errors
    assert error.message == "Syntax error: Expected Name, found String."
    assert error.locations is not None
    assert [tuple(location) for location in error.locations] == [(2, 18)]


def test_a_token_bomb_is_stopped_while_it_is_read(cache: DocumentCache) -> None:
    (error,) = refused(cache, "{ " + "echo " * 1_000_000 + "}").errors
    assert isinstance(error.original_error, LimitExceeded)
    assert error.original_error.facts == {"limit": 5000, "actual": 5001}
    assert "MAX_TOKENS" in error.message
    assert "variables" in error.message
    assert CountingRule.made == 0


@pytest.mark.parametrize(
    "text", ["{ echo }" + "#\n" * 5001, '{ echo(text: "' + "x" * 400_000 + '") }'], ids=["comments", "a long string"]
)
def test_neither_comments_nor_long_strings_go_round_the_token_limit(cache: DocumentCache, text: str) -> None:
    (error,) = refused(cache, text).errors
    assert isinstance(error.original_error, LimitExceeded)


def test_a_document_just_within_the_token_limit_is_read(cache: DocumentCache) -> None:
    text = "{ nodes(ids: [" + '"a" ' * 4988 + "]) { name } }"
    assert prepared(cache, text).tokens == 5000


@pytest.mark.parametrize(
    "text",
    [
        "{ organization { " + "databases(first: 1) { nodes { name } } " * 400 + "} }",
        "{ organization { name " + "@include(if: true) " * 700 + "} }",
        "{ organization { name " + "@unknown " * 2000 + "} }",
        "{ organization " + "{ ... " * 190 + "{ name }" + "}" * 191,
        "{ " * 2000,
        spreading(190, "echo"),
        spreading(600, "echo"),
        "query (" + " ".join(f"$v{n}: Int" for n in range(1200)) + ") { echo }",
    ],
    ids=["repeated", "directives", "unknown directives", "inline", "open", "fragments", "more fragments", "variables"],
)
def test_hostile_documents_get_an_answer_of_bounded_size(cache: DocumentCache, text: str) -> None:
    document = cache.prepare(text)
    if isinstance(document, RefusedDocument):
        assert 1 <= len(document.errors) <= MAX_ERRORS + 1
        assert sum(len(error.message) for error in document.errors) < 6000


def test_repeating_fields_without_end_is_refused_in_words_that_help(cache: DocumentCache) -> None:
    text = "{ organization { " + "databases(first: 1) { nodes { name } } " * 400 + "} }"
    (error,) = refused(cache, text).errors
    assert "repeats fields too often" in error.message


@pytest.mark.parametrize(
    ("text", "limit", "actual"),
    [
        (" ".join(f"query Q{number} {{ echo }}" for number in range(MOST_DEFINITIONS + 1)), MOST_DEFINITIONS, 101),
        ("{ organization { " + "name " * MOST_SELECTIONS + "} }", MOST_SELECTIONS, 2401),
    ],
    ids=["operations", "fields"],
)
def test_a_bulky_document_is_refused_before_validation(
    cache: DocumentCache, text: str, limit: int, actual: int
) -> None:
    (error,) = refused(cache, text).errors
    assert isinstance(error.original_error, LimitExceeded)
    assert error.original_error.facts == {"limit": limit, "actual": actual}
    assert CountingRule.made == 0


def test_a_lone_surrogate_in_a_document_is_a_syntax_error(cache: DocumentCache) -> None:
    (error,) = refused(cache, '{ echo(text: "\ud800") }').errors
    assert error.message == "Syntax error: Invalid character within String."


def test_an_endless_name_is_not_kept_in_the_error_about_it(cache: DocumentCache) -> None:
    (error,) = refused(cache, "{ " + "a" * 200_000 + " }").errors
    assert len(error.message) < 600


def test_the_least_lately_used_documents_go_first() -> None:
    weight = TOKEN_BYTES * 8 + 100
    cache = DocumentCache(core_schema(SCHEMA), LIMITS, 3 * weight)
    texts = [f"query Q{n} {{ echo }}" for n in range(3)]
    kept = [cache.prepare(text) for text in texts]
    assert cache.prepare(texts[0]) is kept[0]
    cache.prepare("query Another { echo __typename organization { name } }")
    assert cache.prepare(texts[0]) is kept[0]
    assert cache.prepare(texts[1]) is not kept[1]
    assert cache.weight <= cache.capacity


def test_failing_documents_are_bounded_like_others() -> None:
    cache = DocumentCache(core_schema(SCHEMA), LIMITS, 10 * REFUSED_BYTES)
    first = cache.prepare("{ nothing0 }")
    for number in range(1, 30):
        cache.prepare(f"{{ nothing{number} }}")
    assert cache.prepare("{ nothing0 }") is not first
    assert cache.weight == 10 * REFUSED_BYTES


def test_suggestions_help_while_introspection_is_on(cache: DocumentCache) -> None:
    (error,) = refused(cache, "{ organisation { name } }").errors
    assert "Did you mean 'organization'?" in error.message


@pytest.mark.parametrize("text", ["{ __schema { description } }", '{ __type(name: "Query") { name } }'])
def test_introspection_can_be_closed(text: str) -> None:
    closed = DocumentCache(core_schema(SCHEMA), LIMITS, introspection=False)
    assert "introspection has been disabled" in refused(closed, text).errors[0].message
    prepared(closed, "{ __typename organization { __typename } }")


def test_closed_introspection_suggests_nothing() -> None:
    closed = DocumentCache(core_schema(SCHEMA), LIMITS, introspection=False)
    for text in (
        "{ organisation { name } }",
        "{ echo(txt: 1) }",
        "{ organization { nam } }",
        "{ echo @skipp(if: true) }",
    ):
        assert all("Did you mean" not in error.message for error in refused(closed, text).errors)


def test_one_of_inputs_are_checked_for_strawberry_types(cache: DocumentCache) -> None:
    assert refused(cache, '{ echo(choice: { text: "a", number: 1 }) }')
    assert prepared(cache, '{ echo(choice: { text: "a" }) }')
