"""What pgvector is told of a vector column, by dimension and metric."""

from __future__ import annotations

import pytest

from app.postgres import Connection
from app.store import vector
from app.store.record import Metric
from tests.app.store.support import make_collection


@pytest.mark.parametrize(
    ("dimension", "metric", "indexed"),
    [
        (1, Metric.COSINE, "USING hnsw (vector vector_cosine_ops)"),
        (2000, Metric.DOT_PRODUCT, "USING hnsw (vector vector_ip_ops)"),
        (2000, Metric.EUCLIDEAN, "USING hnsw (vector vector_l2_ops)"),
        (2001, Metric.COSINE, "USING hnsw (((vector)::halfvec(2001)) halfvec_cosine_ops)"),
        (4000, Metric.DOT_PRODUCT, "USING hnsw (((vector)::halfvec(4000)) halfvec_ip_ops)"),
        (4000, Metric.EUCLIDEAN, "USING hnsw (((vector)::halfvec(4000)) halfvec_l2_ops)"),
        (4001, Metric.COSINE, None),
        (16_000, Metric.COSINE, None),
        (None, Metric.COSINE, None),
    ],
)
async def test_a_collection_s_index_follows_its_dimension_and_metric(
    connection: Connection, dimension: int | None, metric: Metric, indexed: str | None
) -> None:
    home = await make_collection(connection, dimension, metric)
    definitions = await connection.fetch(
        "select indexdef from pg_indexes where indexname = $1", f"c_{home.id.hex}_vector"
    )
    assert [row["indexdef"].partition(" USING ")[2] for row in definitions] == (
        [indexed.removeprefix("USING ")] if indexed else []
    )


@pytest.mark.parametrize("dimension", [3, 2001, 4001])
@pytest.mark.parametrize("metric", list(Metric))
async def test_distances_of_index_and_column_agree_up_to_rounding(
    connection: Connection, dimension: int, metric: Metric
) -> None:
    one = f"array_fill(0.5::float4, array[{dimension}])::vector"
    other = f"(array[0.25] || array_fill(-0.5::float4, array[{dimension - 1}]))::vector"
    full = vector.distance(one, other, metric)
    half = vector.index_order(one, other, dimension, metric)
    row = await connection.fetchrow(f"select {full} as full, {half} as half")
    assert row is not None
    assert row["half"] == pytest.approx(row["full"], rel=1e-3)
    assert (full == half) is (vector.indexed_type(dimension) != "halfvec")


async def test_distances_are_as_the_metrics_define_them(connection: Connection) -> None:
    """EUCLIDEAN is not squared, DOT_PRODUCT is the negative inner product."""
    expected = {Metric.COSINE: 1.0, Metric.DOT_PRODUCT: -0.0, Metric.EUCLIDEAN: 5.0}
    for metric, distance in expected.items():
        found = vector.distance("'[3,0]'::vector", "'[0,4]'", metric)
        assert await connection.fetchval(f"select {found}") == distance
