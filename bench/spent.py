"""What processes spend while something is measured: CPU time and memory, each with its descendants."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

Watched = Mapping[str, int]
"""Name -> process id."""

MEBIBYTE = 1024 * 1024
REAPED = "wrk"
"""The name of those children of this process that ended meanwhile: a load generator is one."""


@dataclass(frozen=True)
class Spent:
    """Seconds of CPU by name, during so many seconds, and mebibytes of memory at their end, shared pages counted in parts (PSS)."""

    seconds: float
    cpu: Mapping[str, float]
    memory: Mapping[str, float]

    def share(self, name: str) -> float:
        """Of one core."""
        return self.cpu[name] / self.seconds


class Meter:
    """From its making on; `read` tells what was spent since."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._begun = time.perf_counter()
        self._before = self._cpu()

    def read(self) -> Spent:
        seconds = time.perf_counter() - self._begun
        cpu = {name: used - self._before[name] for name, used in self._cpu().items()}
        return Spent(seconds, cpu, {name: memory(pid) for name, pid in self._watched.items()})

    def _cpu(self) -> dict[str, float]:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {REAPED: ended.ru_utime + ended.ru_stime} | {name: _seconds(pid) for name, pid in self._watched.items()}


def postmaster(folder: Path) -> int:
    """The process of the embedded PostgreSQL whose data directory's parent this is; its backends are its children."""
    return int((folder / "postgres" / "postmaster.pid").read_text().split()[0])


def memory(pid: int) -> float:
    """In mebibytes."""
    return sum(each.memory_full_info().pss for each in _family(pid)) / MEBIBYTE


def _seconds(pid: int) -> float:
    """Of CPU; of children that have ended, too."""
    times = [each.cpu_times() for each in _family(pid)]
    return sum(each.user + each.system for each in times) + times[0].children_user + times[0].children_system


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]
