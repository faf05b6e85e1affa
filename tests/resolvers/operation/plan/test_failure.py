"""Which errors an answer tells, in which order."""

from __future__ import annotations

import pytest
from graphql import GraphQLError

from resolvers.operation.plan.failure import Failure, Failures, Position

WHERE: dict[str, Position] = {"first": (0, 1), "second": (0, 2), "below": (0, 2, 5), "beside": (1,)}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([("beside", (1,)), ("first", (0, 1))], ["first", "beside"]),
        ([("second", (0,)), ("first", (0, 1))], ["first", "second"]),
        ([("below", (0, 2, 5)), ("first", (0,))], ["first"]),
        ([("beside", ()), ("below", (0,)), ("first", (0,))], ["first", "beside"]),
        ([("first", ()), ("beside", (1,))], ["first"]),
    ],
    ids=["document order", "null comes after what failed before", "nothing below null", "one of several", "null data"],
)
def test_errors_are_told_as_if_fields_were_resolved_one_by_one(
    found: list[tuple[str, Position]], told: list[str]
) -> None:
    failures = Failures()
    for name, at in found:
        failures.null(Failure(GraphQLError(name), WHERE[name]), at)
    assert [error.message for error in failures.errors()] == told


def test_an_error_gets_its_place_and_one_that_has_a_place_keeps_it() -> None:
    steps = ((0, "databases"), (3, 3), (1, "name"))
    failure = Failure.of(ValueError("no"), [], steps)
    assert failure.error.path == ["databases", 3, "name"]
    assert failure.position == (0, 3, 1)
    assert Failure.of(failure.error, [], ()).error is failure.error
