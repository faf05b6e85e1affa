"""Whether a task was asked to end. What cleans up behind it can fail, and that error takes the place of the cancellation."""

from __future__ import annotations

import asyncio


def is_cancelled() -> bool:
    """Whether somebody has cancelled the current task, and it has not ended yet: whoever would go on must not."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
