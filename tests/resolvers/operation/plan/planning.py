"""Plans of documents over the small schema."""

from __future__ import annotations

from graphql import GraphQLSchema

from resolvers.operation.execution import Executor, GraphQLRequest, Ready, core_schema
from resolvers.operation.limits import RequestLimits
from resolvers.operation.plan.plan import Plan
from tests.resolvers.operation.small import SCHEMA

CORE: GraphQLSchema = core_schema(SCHEMA)
EXECUTOR = Executor(SCHEMA, RequestLimits())


def ready(text: str, executor: Executor = EXECUTOR, **variables: object) -> Ready:
    found = executor.prepare(GraphQLRequest(text, None, variables), "r")
    assert isinstance(found, Ready), found.errors
    return found


def plan(text: str, executor: Executor = EXECUTOR, **variables: object) -> Plan | None:
    found = ready(text, executor, **variables)
    return found.operation.plans.plan(found.variables)
