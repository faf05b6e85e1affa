"""A plan: what there is to do for an operation, found out once."""

from __future__ import annotations

from graphql import ExecutionResult, OperationType, VariableValues

from resolvers.operation.plan.failure import Failure
from resolvers.operation.plan.place import Root
from resolvers.operation.plan.run import Run, Source
from resolvers.operation.plan.selection import Selection


class Plan:
    """Runs an operation. It holds nothing of a request, and any number of requests may run it at once.

    Resolvers of one level run together, for all objects there; root fields of a mutation run one after the other.
    `fields` is how many the plan has, which says how much memory it takes.
    """

    def __init__(self, source: Source, root: Selection, fields: int) -> None:
        self._source = source
        self._root = root
        self._serial = source.operation.operation is OperationType.MUTATION
        self.fields = fields

    async def run(self, context: object, variables: VariableValues) -> ExecutionResult:
        """As the specification has it ("Executing Requests"). Whatever a field raises is among the errors."""
        run = Run(self._source, context, variables)
        rows = self._root.rows_one_by_one if self._serial else self._root.rows
        (data,) = await rows(run, [None], Root())
        if isinstance(data, Failure):
            run.failures.null(data, ())
        return ExecutionResult(data if isinstance(data, dict) else None, run.failures.errors() or None)
