"""Plans answer as graphql-core does: generated operations are run by both. ORACLE_EXAMPLES=10000 makes a long run of it.

`-o log_cli=true -o log_cli_level=INFO` tells how many there were of which kind.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from resolvers.operation.execution import Answer, Executor, GraphQLRequest, Ready, run_in_graphql_core
from resolvers.operation.limits import RequestLimits
from resolvers.schema import build_schema
from tests.factory import Running
from tests.oracle import odd
from tests.oracle.judgement import Verdicts
from tests.oracle.operations import Operation, Values, operations
from tests.oracle.world import REFUSED_OR_REPEATABLE, World, populated

log = logging.getLogger(__name__)

EXAMPLES = int(os.environ.get("ORACLE_EXAMPLES", "80"))
LIMITS = RequestLimits(max_depth=100, max_aliases=10_000, max_root_fields=100, max_cost=10**12, max_tokens=50_000)
ORACLE = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
SEED = {"seed": st.integers(0, 500), "number": st.integers(0, 6), "numbers": st.lists(st.integers(0, 3), max_size=2)}
ODD = Values(SEED)
ODD_AT_ONCE = Values(SEED, frozenset({"Query.slow"}))
TIES = frozenset({"tie", "sureTie"})

pytestmark = pytest.mark.filterwarnings(
    # graphql-core leaves items of a list that are coroutines, as none of ours are, where an item before them fails
    "ignore:coroutine 'later' was never awaited",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)

ODD_PLANNED = Executor(odd.SCHEMA, LIMITS)
ODD_CORE = Executor(odd.SCHEMA, LIMITS, runner=run_in_graphql_core)
PLANNED = Executor(build_schema(), LIMITS)
CORE = Executor(build_schema(), LIMITS, runner=run_in_graphql_core)


@pytest.fixture
def verdicts(request: pytest.FixtureRequest) -> Iterator[Verdicts]:
    """Judges; an oracle that saw few answers, or few of them to the byte, has gone blind."""
    verdicts = Verdicts()
    with capture_logs():  # else each failure's traceback is drawn, which takes longer than all the rest
        yield verdicts
    log.info("%s: %s", request.node.name, verdicts)
    assert verdicts.exact > EXAMPLES // 2, verdicts


@pytest.fixture
async def world(running: Running) -> World:
    return await populated(running)


def ready(executor: Executor, operation: Operation) -> Ready | Answer:
    return executor.prepare(GraphQLRequest(operation.text, None, operation.variables), "r")


async def judged_odd(verdicts: Verdicts, operation: Operation, context: odd.Odd) -> None:
    found = ready(ODD_PLANNED, operation)
    if isinstance(found, Ready):
        planned = await ODD_PLANNED.run(found, context, "r")
        core = await ODD_CORE.run(found, context, "r")
        verdicts.note(planned, core, strict=not context.later)


@ORACLE
@given(operation=operations(ODD_PLANNED.schema, ODD_AT_ONCE) | operations(ODD_PLANNED.schema, ODD_AT_ONCE, TIES))
async def test_what_is_answered_at_once_is_alike_to_the_byte(verdicts: Verdicts, operation: Operation) -> None:
    await judged_odd(verdicts, operation, odd.Odd())


@ORACLE
@given(operation=operations(ODD_PLANNED.schema, ODD) | operations(ODD_PLANNED.schema, ODD, TIES))
async def test_what_is_answered_later_is_alike(verdicts: Verdicts, operation: Operation) -> None:
    await judged_odd(verdicts, operation, odd.Odd(later=True))


@ORACLE
@given(data=st.data())
@pytest.mark.parametrize("only", [None, REFUSED_OR_REPEATABLE], ids=["queries", "mutations"])
async def test_the_gateways_own_answers_are_alike(
    world: World, verdicts: Verdicts, data: st.DataObject, only: frozenset[str] | None
) -> None:
    operation = data.draw(operations(PLANNED.schema, world.values, only))
    session = data.draw(st.sampled_from(world.sessions))
    found = ready(PLANNED, operation)
    if isinstance(found, Ready):
        planned = await world.answer(PLANNED, found, session)
        verdicts.note(planned, await world.answer(CORE, found, session))
