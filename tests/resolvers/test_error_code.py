"""The catalogue of error codes: one list for programs, people and the schema."""

from __future__ import annotations

import re
from pathlib import Path

from graphql import EnumTypeDefinitionNode, parse

from app.errors import CATALOGUE, ErrorFamily
from resolvers.error_code import ErrorCode
from tests.factory import Api

SCHEMA = Path(__file__).parents[2] / "schema.graphql"
ASKED = "{ errorCatalogue { code family title retryable } }"


def test_the_schema_s_enum_is_the_tree_of_errors() -> None:
    printed = [
        [value.name.value for value in each.values or ()]
        for each in parse(SCHEMA.read_text()).definitions
        if isinstance(each, EnumTypeDefinitionNode) and each.name.value == "ErrorCode"
    ]
    assert printed == [list(CATALOGUE)]
    assert [code.value for code in ErrorCode] == list(CATALOGUE)


async def test_the_catalogue_lists_every_code_once_with_a_sentence(api: Api) -> None:
    listed = (await api(ASKED))["errorCatalogue"]
    assert [each["code"] for each in listed] == list(CATALOGUE)
    for each in listed:
        kind = CATALOGUE[each["code"]]
        assert (each["family"], each["retryable"]) == (kind.family, kind.retryable)
        assert re.fullmatch(r"[A-Z][^\n]{10,}\.", each["title"]), each["code"]


async def test_a_provider_s_codes_and_only_they_are_of_its_family(api: Api) -> None:
    listed = (await api(ASKED))["errorCatalogue"]
    of_providers = {each["code"] for each in listed if each["family"] == ErrorFamily.PROVIDER}
    assert of_providers == {code for code in CATALOGUE if code.startswith("EMBEDDING_PROVIDER_")}
    assert {each["code"] for each in listed if each["family"] == ErrorFamily.SERVER} == {
        "DATABASE_UNAVAILABLE",
        "INTERNAL",
    }
