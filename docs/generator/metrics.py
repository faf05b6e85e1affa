"""The metrics, as app/seeing/metrics.py declares them."""

from __future__ import annotations

from typing import Final

from prometheus_client import Metric

from app.seeing.metrics import Metrics
from docs.generator.markdown import code, table

OURS: Final = "vectorgate_"
"""The others are the Python library's, of the process."""


def metrics() -> str:
    """A row for each family: the name that queries use, its type, its meaning."""
    families = [each for each in Metrics().registry.collect() if each.name.startswith(OURS)]
    return table(("metric", "type", "what it counts"), [_row(each) for each in families])


def _row(family: Metric) -> list[str]:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return [code(name), family.type, family.documentation]
