"""The metrics of a gateway as Prometheus reads them."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.factory import Api
from tests.patience import until

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scraped(api: Api) -> Series:
    """Every series by its name and labels."""
    answer = await api.http.get("/metrics", headers={"authorization": ""})
    assert answer.status_code == 200
    return read(answer.text)


def read(text: str) -> Series:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(series: Series, name: str, **labels: str) -> float:
    """The sum over all series of this name that have these labels."""
    return sum(number for (each, has), number in series.items() if each == name and labels.items() <= dict(has).items())


async def counted(api: Api, name: str, expected: float, **labels: str) -> None:
    """Wait until this is what is read: an answer of the endpoint is good for a second."""

    async def reads() -> bool:
        return value(await scraped(api), name, **labels) == expected

    await until(reads)
