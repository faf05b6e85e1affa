"""Log lines: one form for all, and nothing in them that was sent."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from app.errors import NotFound
from app.log import SILENCED, LogFormat, configure_logging
from tests.resolvers.operation.small import SECRET


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Logging is the process's: whatever a test configures is undone."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)
    for name in SILENCED:
        logging.getLogger(name).disabled = False
        logging.getLogger(name).propagate = True


def configured(log_format: LogFormat = "json", log_level: str = "info") -> io.StringIO:
    structlog.contextvars.clear_contextvars()
    stream = io.StringIO()
    configure_logging(log_format, log_level, stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def raised(secret: str) -> Exception:
    """A chain of two exceptions, from a function that has the secret in a local variable."""
    with pytest.raises(AttributeError) as caught:
        _fail(secret)
    return caught.value


def _fail(secret: str) -> None:
    try:
        int(secret)
    except ValueError as error:
        raise AttributeError("'Row' object has no attribute 'name'") from error


def _fill_the_disk() -> None:
    raise OSError(28, "No space left on device")


def test_a_line_is_json_with_level_time_and_context() -> None:
    stream = configured()
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger().info("request", status=200)
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "request", "level": "info", "request_id": "r1", "status": 200}


def test_a_line_can_be_read_by_people() -> None:
    stream = configured("console")
    structlog.get_logger().info("request", status=200)
    assert "[info     ] request" in stream.getvalue()
    assert "status=200" in stream.getvalue()


def test_lines_below_the_level_are_left_out() -> None:
    stream = configured(log_level="warning")
    structlog.get_logger().info("no")
    logging.getLogger("uvicorn.error").info("no")
    structlog.get_logger().warning("yes")
    logging.getLogger("uvicorn.error").warning("yes")
    assert [line["event"] for line in lines(stream)] == ["yes", "yes"]


def test_the_standard_librarys_lines_come_the_same_way() -> None:
    stream = configured()
    logging.getLogger("uvicorn.error").info("listening on %s", "127.0.0.1:8000")
    (line,) = lines(stream)
    assert (line["event"], line["logger"], line["level"]) == ("listening on 127.0.0.1:8000", "uvicorn.error", "info")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_has_frames_and_types_and_no_value(log_format: LogFormat) -> None:
    stream = configured(log_format)
    structlog.get_logger().error("failed", exc_info=raised(SECRET))
    text = stream.getvalue()
    assert SECRET not in text
    assert "int(secret)" in text
    assert "builtins.ValueError: (its message may quote input and is left out)" in text
    assert "builtins.AttributeError: 'Row' object has no attribute 'name'" in text
    assert text.index("ValueError") < text.index("builtins.AttributeError")


def test_our_own_refusals_speak_in_a_traceback() -> None:
    stream = configured()
    structlog.get_logger().error("failed", exc_info=NotFound("No such collection."))
    assert lines(stream)[0]["exception"].endswith("app.errors.NotFound: No such collection.")


def test_exc_info_is_found_in_its_other_forms() -> None:
    stream = configured()
    try:
        _fill_the_disk()
    except OSError:
        structlog.get_logger().exception("failed")
        logging.getLogger("asyncpg").exception("failed")
    assert [line["exception"].splitlines()[-1] for line in lines(stream)] == [
        "builtins.OSError: [Errno 28] No space left on device"
    ] * 2


async def test_an_exception_that_nobody_awaited_is_not_quoted() -> None:
    stream = configured()

    async def fail() -> None:
        raise ValueError(SECRET)

    task = asyncio.get_running_loop().create_task(fail())
    await asyncio.wait([task])
    del task
    await asyncio.sleep(0)
    (line,) = lines(stream)
    assert line["event"] == "Task exception was never retrieved"
    assert SECRET not in stream.getvalue()


def test_uvicorns_access_lines_are_silenced_for_they_hold_query_strings() -> None:
    stream = configured()
    logging.getLogger("uvicorn.access").info('"GET /graphql?query=%s"', SECRET)
    logging.getLogger("httpx").info("HTTP Request: POST https://api.openai.com/v1/embeddings")
    assert stream.getvalue() == ""


def test_uvicorn_does_not_even_make_the_access_line_that_nobody_writes() -> None:
    configured()
    assert not logging.getLogger("uvicorn.access").hasHandlers()
    assert logging.getLogger("uvicorn.error").hasHandlers()
