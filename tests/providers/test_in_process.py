"""The deadline of providers inside the process."""

from __future__ import annotations

import asyncio

import pytest

from providers.errors import ProviderTimeoutError
from providers.in_process import in_time
from providers.local import LOCAL


async def test_what_is_done_in_time_is_answered() -> None:
    assert await in_time(LOCAL, asyncio.sleep(0, "done"), 60) == "done"


async def test_what_takes_longer_is_cancelled_and_a_time_out_of_the_provider() -> None:
    work = asyncio.ensure_future(asyncio.Event().wait())
    with pytest.raises(ProviderTimeoutError, match=r"Local did not answer within 0\.01 seconds") as told:
        await in_time(LOCAL, work, 0.01)
    assert told.value.provider == "local"
    assert work.cancelled()
