"""Log lines: one structlog configuration for the gateway, uvicorn, asyncpg and asyncio alike.

What callers sent never enters a line: no local variables, no query strings, no words of exceptions that may quote it.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, Literal, TextIO

import orjson
import structlog
from structlog.contextvars import get_contextvars
from structlog.typing import EventDict, Processor, WrappedLogger

from app.errors import GatewayError

LogFormat = Literal["console", "json"]

LEVELS: Final = {"exception": "error", "warn": "warning"}
"""Methods of loggers whose names are not those of their levels."""

OUTSPOKEN: Final = (GatewayError, OSError, AttributeError, NameError, ImportError, TypeError, RecursionError)
"""Exceptions whose words are made of names and types; the words of others (ValueError, a driver's) may quote input."""

SILENCED: Final = ("uvicorn.access",)
"""uvicorn's access line holds the query string, and with it documents and variables; the middleware writes its own."""

VERBATIM: Final = ("uvicorn.error", "websockets")
"""At `debug` these write every frame of every socket, with access tokens, keys and documents."""

HUSHED: Final = ("httpx", "httpcore")
"""At `info` these write a line for every request to a provider."""


def configure_logging(log_format: LogFormat, log_level: str, stream: TextIO | None = None) -> None:
    """Send every log line to `stream` (default: stderr). Call it once at start; run uvicorn with `log_config=None`."""
    level = logging.getLevelNamesMapping()[log_level.upper()]
    stream = stream or sys.stderr
    structlog.configure(
        processors=[
            completed,
            with_traceback,
            _renderer(log_format, stream),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Forward()], level=level, force=True)
    for name in SILENCED:
        logging.getLogger(name).disabled = True
        logging.getLogger(
            name
        ).propagate = False  # or uvicorn finds a handler, and makes the line before nobody writes it
    for name in VERBATIM:
        logging.getLogger(name).setLevel(max(level, logging.INFO))
    for name in HUSHED:
        logging.getLogger(name).setLevel(logging.WARNING)


def completed(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Adds the context, the level and the time. One step, since every request writes a line."""
    moment = datetime.now(UTC).isoformat()
    return {**get_contextvars(), **event, "level": LEVELS.get(method, method), "timestamp": f"{moment[:-6]}Z"}


def with_traceback(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replaces `exc_info` by the traceback's text."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["exception"] = "\n".join(_told(error))
    return event


def _told(error: BaseException) -> Iterator[str]:
    """The chain of exceptions, first cause first: frames with their source lines, never with values."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    for each in reversed(chain):
        yield "Traceback (most recent call last):"
        yield "".join(traceback.format_tb(each.__traceback__)).rstrip("\n")
        yield f"{type(each).__module__}.{type(each).__qualname__}: {_words(each)}"


def _words(error: BaseException) -> str:
    return str(error) if isinstance(error, OUTSPOKEN) else "(its message may quote input and is left out)"


def _renderer(log_format: LogFormat, stream: TextIO) -> Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer(serializer=_json)
    return structlog.dev.ConsoleRenderer(colors=stream.isatty())


def _json(event: EventDict, **_options: object) -> str:
    return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()


class _Forward(logging.Handler):
    """Hands records of the standard library's logging to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        words = record.getMessage()
        if record.exc_info:
            # asyncio adds the task with the exception's repr below its first line.
            words = words.partition("\n")[0]
        log = structlog.get_logger().bind(logger=record.name)
        log.log(record.levelno, words, exc_info=record.exc_info or None)
