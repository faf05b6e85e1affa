"""Plans are made once, and weigh on the documents that they belong to."""

from __future__ import annotations

from resolvers.operation.document import DocumentCache, PreparedDocument
from resolvers.operation.execution import Executor
from resolvers.operation.limits import RequestLimits
from resolvers.operation.plan.keeper import FIELD_BYTES, KEPT_PLANS
from tests.resolvers.operation.plan.planning import plan, ready
from tests.resolvers.operation.small import SCHEMA

NAMED = "query ($yes: Boolean!) { organization { name @include(if: $yes) } }"


def fresh(capacity: int = 2**20) -> Executor:
    return Executor(SCHEMA, RequestLimits(max_aliases=100), capacity=capacity)


def test_an_operation_keeps_one_plan_for_each_set_of_conditions() -> None:
    executor = fresh()
    yes, no = plan(NAMED, executor, yes=True), plan(NAMED, executor, yes=False)
    assert yes is not no
    assert plan(NAMED, executor, yes=True) is yes
    assert plan(NAMED, executor, yes=False) is no


def test_other_variables_need_no_plan_of_their_own() -> None:
    executor = fresh()
    text = "query ($n: Int!) { organization { databases(first: $n) { nodes { name } } } }"
    assert plan(text, executor, n=1) is plan(text, executor, n=2)


def test_plans_weigh_on_their_document_and_the_least_lately_used_go() -> None:
    executor = fresh()
    names = [f"v{n}" for n in range(5)]
    text = (
        f"query ({' '.join(f'${name}: Boolean!' for name in names)}) {{ "
        + " ".join(f"a{n}: organization {{ name @include(if: ${name}) }}" for n, name in enumerate(names))
        + " }"
    )
    before = ready(text, executor, **dict.fromkeys(names, True)).document.weight
    plans = []
    for number in range(KEPT_PLANS + 1):
        given = {name: bool(number >> n & 1) for n, name in enumerate(names)}
        plans.append((given, plan(text, executor, **given)))
    document = ready(text, executor, **plans[0][0]).document
    assert document.weight == before + sum(each.fields for _, each in plans[1:] if each) * FIELD_BYTES
    assert executor.documents.weight == document.weight
    first, made = plans[0]
    assert plan(text, executor, **first) is not made


def test_a_document_whose_plans_take_all_the_room_is_forgotten_with_them() -> None:
    probe = fresh()
    weight = ready(NAMED, probe, yes=True).document.weight
    executor = fresh(capacity=weight + FIELD_BYTES)
    assert plan(NAMED, executor, yes=True) is not None
    assert executor.documents.weight == 0
    assert ready(NAMED, executor, yes=True).document.weight == weight


def test_what_is_planned_for_a_document_that_is_gone_weighs_nothing() -> None:
    cache = DocumentCache(fresh().schema, RequestLimits(), capacity=0)
    document = cache.prepare("{ organization { name } }")
    assert isinstance(document, PreparedDocument)
    executor = fresh()
    found = ready("{ organization { name } }", executor)
    assert document.operation(None).plans.plan(found.variables) is not None
    assert cache.weight == 0
