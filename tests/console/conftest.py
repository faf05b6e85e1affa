"""GraphiQL as it is built from these sources, and a real browser that reaches the gateway under test and nobody else."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeAlias

import pytest
from playwright.async_api import Browser, async_playwright

from tests.conftest import one_at_a_time
from tests.console.window import Window

BUILD = Path(__file__).parent.parent.parent / "console" / "build.py"
FLAGS = (
    "--no-sandbox",  # as root, which CI is, Chromium does not start with it
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")

Open: TypeAlias = Callable[..., Awaitable[Window]]


def needed(*names: str) -> str:
    """Where one of these programs is. Without any the test fails in CI, and is skipped elsewhere."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        told = f"this test needs {names[0]}: install it with the system's package manager"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    return found


@pytest.fixture(scope="session")
async def _built(testrun_uid: str) -> None:
    """GraphiQL of these sources; half a minute when they have changed, nothing otherwise."""
    needed("npm")
    with one_at_a_time(Path(tempfile.gettempdir()) / f"vectorgate-console-{testrun_uid}"):
        build = await asyncio.create_subprocess_exec(sys.executable, BUILD, stderr=asyncio.subprocess.PIPE)
        _, told = await build.communicate()
    assert build.returncode == 0, told.decode()


@pytest.fixture(scope="session")
async def _browser(_built: None) -> AsyncIterator[Browser]:
    executable = needed(*CHROMIUM)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield browser
        await browser.close()


@pytest.fixture
async def window(_browser: Browser) -> AsyncIterator[Open]:
    """Opens the console of a gateway: `await window(running.url)`. At the end nothing may have gone wrong in it unseen."""
    async with AsyncExitStack() as stack:
        opened: list[Window] = []

        async def start(url: str, color_scheme: str = "light") -> Window:
            context = await _browser.new_context(
                viewport={"width": 1440, "height": 900},
                color_scheme="dark" if color_scheme == "dark" else "light",
            )
            stack.push_async_callback(context.close)
            opened.append(await Window.open(context, url))
            return opened[-1]

        yield start
        for each in opened:
            assert each.complaints == []
