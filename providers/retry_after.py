"""How long a provider asks to wait, by the headers of its refusal. An absent or odd one is "not known", never "now"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_AMOUNT = r"(\d{1,9}(?:\.\d{1,9})?)"
_NUMBER = re.compile(_AMOUNT, re.ASCII)
_DURATION = re.compile(rf"(?:{_AMOUNT}h)?(?:{_AMOUNT}m(?!s))?(?:{_AMOUNT}s)?(?:{_AMOUNT}ms)?", re.ASCII)


def retry_after_seconds(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds from `now`, by retry-after-ms, Retry-After (seconds or a date) or x-ratelimit-reset-*, in this order."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    asked = headers.get("retry-after", "")
    for reading in (_number(asked), _until(asked, now or datetime.now(UTC))):
        if reading is not None:
            return reading
    return _reset(headers)


def duration_seconds(text: str) -> float | None:
    """Seconds in a duration as Go prints it, `6m0s`, `1s`, `20ms`; None for anything else."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not match[0]:
        return None
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000


def _number(text: str) -> float | None:
    match = _NUMBER.fullmatch(text.strip())
    return float(match[0]) if match else None


def _until(text: str, now: datetime) -> float | None:
    """Seconds until an HTTP date, 0 for one that is past."""
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds())


def _reset(headers: Mapping[str, str]) -> float | None:
    """When the limits that are used up are renewed; one of which something remains is not what refused us."""
    used_up = [kind for kind in ("requests", "tokens") if headers.get(f"x-ratelimit-remaining-{kind}", "0") == "0"]
    resets = (duration_seconds(headers.get(f"x-ratelimit-reset-{kind}", "")) for kind in used_up)
    return max((reset for reset in resets if reset is not None), default=None)
