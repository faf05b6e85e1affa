"""What becomes a plan, and what graphql-core must run."""

from __future__ import annotations

import strawberry
from strawberry.extensions.field_extension import FieldExtension, SyncExtensionResolver
from strawberry.schema.config import StrawberryConfig

from resolvers.operation.execution import Executor, run_by_plan
from resolvers.operation.limits import RequestLimits
from resolvers.operation.plan.compiler import MOST_FIELDS
from tests.resolvers.operation.plan.planning import EXECUTOR, plan, ready
from tests.resolvers.operation.small import SCHEMA, Context


class Loud(FieldExtension):
    def resolve(self, next_: SyncExtensionResolver, source: object, info: strawberry.Info, **kwargs: object) -> object:
        return str(next_(source, info, **kwargs)).upper()


@strawberry.type
class Query:
    plain: str = "plain"

    @strawberry.field(extensions=[Loud()])
    def loud(self) -> str:
        return "loud"


async def answered(executor: Executor, text: str) -> object:
    return (await run_by_plan(executor.schema, ready(text, executor), Context())).data


async def test_introspection_is_left_to_graphql_core_and_typename_is_not() -> None:
    assert plan("{ __typename organization { __typename } }") is not None
    for text in ("{ __schema { queryType { name } } }", '{ __type(name: "Query") { name } }'):
        assert plan(text) is None
        assert await answered(EXECUTOR, text)


async def test_a_field_with_extensions_is_left_to_graphql_core() -> None:
    executor = Executor(strawberry.Schema(Query), RequestLimits())
    assert plan("{ __typename }", executor) is not None
    assert plan("{ loud }", executor) is None
    assert await answered(executor, "{ loud }") == {"loud": "LOUD"}


def test_a_schema_that_reads_attributes_in_a_way_of_its_own_is_left_to_graphql_core() -> None:
    config = StrawberryConfig(default_resolver=lambda source, name: (source, name))
    assert plan("{ __typename }", Executor(strawberry.Schema(Query, config=config), RequestLimits())) is None


def test_a_condition_that_is_null_is_for_graphql_core_to_refuse() -> None:
    text = "query ($yes: Boolean = true) { organization { name @include(if: $yes) } }"
    assert plan(text) is not None
    assert plan(text, yes=None) is None


def test_a_fragment_that_is_spread_twice_in_one_place_is_planned_once() -> None:
    fragment = "fragment F on Organization { name tags { name count } }"
    once = plan(f"{{ organization {{ ...F }} }} {fragment}")
    twice = plan(f"{{ organization {{ ...F ...F }} }} {fragment}")
    assert once is not None
    assert twice is not None
    assert once.fields == twice.fields == 5


def test_what_would_take_too_many_fields_is_left_to_graphql_core() -> None:
    executor = Executor(SCHEMA, RequestLimits(max_aliases=10_000, max_root_fields=10_000, max_tokens=100_000))
    fits, not_any_more = (
        "{" + " ".join(f"a{n}: __typename" for n in range(count)) + "}" for count in (MOST_FIELDS, MOST_FIELDS + 1)
    )
    assert plan(fits, executor) is not None
    assert plan(not_any_more, executor) is None
