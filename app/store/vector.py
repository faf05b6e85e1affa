"""What pgvector needs to know of a vector column: operators, index expressions and the limits that go with its dimension.

Source: pgvector's README, sections "Distances", "HNSW" and "Half-Precision Indexing"; rule 34.
"""

from __future__ import annotations

import math

from app.store.record import Metric

MAX_STORED = 16_000
MAX_INDEXED = 2_000
MAX_HALF_INDEXED = 4_000
MAX_HALF_VALUE = 65_504.0
"""The largest finite half-precision number: larger components would be infinite in the index."""

MIN_HALF_VALUE = math.nextafter(2.0**-25, 1)
"""The smallest positive number that is not zero in half precision."""

OPERATORS = {Metric.COSINE: "<=>", Metric.DOT_PRODUCT: "<#>", Metric.EUCLIDEAN: "<->"}
CLASSES = {Metric.COSINE: "cosine_ops", Metric.DOT_PRODUCT: "ip_ops", Metric.EUCLIDEAN: "l2_ops"}


def indexed_type(dimension: int) -> str | None:
    """The type whose values the HNSW index holds; None beyond 4,000 dimensions, where searches compare every vector."""
    if dimension <= MAX_INDEXED:
        return "vector"
    return "halfvec" if dimension <= MAX_HALF_INDEXED else None


def index_expression(column: str, dimension: int, metric: Metric) -> str | None:
    """What stands in `using hnsw (…)`."""
    match indexed_type(dimension):
        case "vector":
            return f"{column} vector_{CLASSES[metric]}"
        case "halfvec":
            return f"({column}::halfvec({dimension})) halfvec_{CLASSES[metric]}"
        case _:
            return None


def distance(column: str, argument: str, metric: Metric) -> str:
    """The distance of stored vectors to a query vector, at full precision."""
    return f"({column} {OPERATORS[metric]} {argument}::vector)"


def index_order(column: str, argument: str, dimension: int, metric: Metric) -> str:
    """The distance that the index can order by: half-precision where the index is."""
    if indexed_type(dimension) == "halfvec":
        return f"({column}::halfvec({dimension}) {OPERATORS[metric]} {argument}::vector::halfvec({dimension}))"
    return distance(column, argument, metric)


def unfit(column: str, dimension: int, metric: Metric) -> str:
    """A condition: whether a stored vector could not be compared, or not be found through the index.

    What `domain.vector.check_vector` says of vectors from outside; pgvector adds up in 32 bits, as it does.
    """
    conditions = ["false"]
    if metric is Metric.COSINE:
        conditions.append(f"({column} <#> {column}) in (0, '-infinity')")
    if indexed_type(dimension) == "halfvec":
        largest = f"(select max(abs(component)) from unnest({column}::real[]) as component)"
        least = MIN_HALF_VALUE if metric is Metric.COSINE else 0.0
        conditions.append(f"{largest} not between {least!r} and {MAX_HALF_VALUE!r}")
    return " or ".join(conditions)
