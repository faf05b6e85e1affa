"""A process is there until it has ended."""

from __future__ import annotations

import os
import subprocess
import sys

from app.alive import is_alive


def test_a_process_is_alive_until_it_has_ended() -> None:
    assert is_alive(os.getpid())
    assert is_alive(1)
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    assert is_alive(ended.pid)
    ended.wait()
    assert not is_alive(ended.pid)
