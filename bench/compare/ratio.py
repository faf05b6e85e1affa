"""What the numbers are held against: each target of the design, and the ratio that was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.compare.contest import Case, Outcome, cpu_of, memory_of, share_of
from bench.sheet import Sheet

HEADER = (
    "",
    "req/s",
    "lowest to highest",
    "gateway ÷ it",
    "p50 ms",
    "p99 ms",
    "CPU ms/req",
    "CPU share",
    "PostgreSQL",
    "wrk",
    "MiB",
)


@dataclass(frozen=True)
class Target:
    """A ratio, or a number, and what it is to be: at least `least`, or at most `most`."""

    name: str
    found: float
    least: float | None = None
    most: float | None = None

    @property
    def row(self) -> Sequence[str]:
        wanted = f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"
        met = self.found >= self.least if self.least is not None else self.found <= (self.most or 0)
        return (self.name, f"{self.found:.3g}", wanted, "yes" if met else "**no**")


TARGETS: Mapping[tuple[str, str], float] = {
    ("small", "postgraphile"): 1.0,
    ("tree", "postgraphile"): 1.7,
    ("tree", "mercurius"): 1.0,
    ("tree", "limit"): 0.6,
    ("search", "limit"): 0.85,
    ("vector", "chroma"): 1.5,
}
"""(case, contender) -> answers a second of the gateway over its."""


def targets(case: str, outcomes: Sequence[Outcome]) -> list[Target]:
    """Of a case, against the contenders that took part."""
    return [
        Target(f"{case}: gateway ÷ {each.name}", outcomes[0].rate / each.rate, least=TARGETS[case, each.name])
        for each in outcomes
        if (case, each.name) in TARGETS
    ]


def sheet(case: Case, outcomes: Sequence[Outcome], note: str = "") -> Sheet:
    """A case's table: medians, with how far the rounds lie apart."""
    found = Sheet(f"{case.name}: {case.title}", HEADER, note=note)
    found.rows += [_row(each, outcomes[0]) for each in outcomes]
    return found


def _row(outcome: Outcome, gateway: Outcome) -> Sequence[str]:
    shares = [f"{outcome.spent(share_of(name)):.0%}" for name in ("server", "postgres", "wrk")]
    return (
        outcome.name,
        f"{outcome.rate:,.0f}",
        f"{min(outcome.rates):,.0f} to {max(outcome.rates):,.0f}",
        f"{gateway.rate / outcome.rate:.2f}",
        f"{outcome.p('p50'):.2f}",
        f"{outcome.p('p99'):.2f}",
        f"{outcome.spent(cpu_of('server')):.2f}",
        *shares,
        f"{outcome.spent(memory_of('server')):.0f}",
    )
