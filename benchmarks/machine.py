"""The machine and the versions that figures are worth nothing without."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

from benchmarks import load_tool
from benchmarks.baselines.stores import influxdb_version, victoria_metrics_version
from benchmarks.cluster import Cluster

# Of all processors' time, while nothing of ours runs.
BUSY_PERCENT = 10.0
LOOK_SECONDS = 3.0
STOLEN_PERCENT = 2.0
SETTLE_LOOK_SECONDS = 0.2
MAX_SETTLING_SECONDS = 1.5


def busy_percent(look_seconds: float = LOOK_SECONDS) -> float:
    """Return how much of all processors' time others take, looked at for so many seconds."""
    busy, passed = _processor_times()
    time.sleep(look_seconds)
    busy_later, passed_later = _processor_times()
    return round(100 * (busy_later - busy) / max(passed_later - passed, 1), 1)


def stolen_ticks() -> tuple[int, int]:
    """Return the time that other guests of this machine's host took, and all time, in ticks."""
    told = _told()
    return told[7], sum(told)


def stolen_percent(since: tuple[int, int]) -> float:
    """Return how much of all processors' time others took since ``stolen_ticks`` was asked."""
    stolen, passed = stolen_ticks()
    return round(100 * (stolen - since[0]) / max(passed - since[1], 1), 1)


def settle() -> None:
    """Wait until what was measured last has ended what it does behind its answers, if it does."""
    deadline = time.monotonic() + MAX_SETTLING_SECONDS
    while busy_percent(SETTLE_LOOK_SECONDS) > BUSY_PERCENT and time.monotonic() < deadline:
        pass


def _processor_times() -> tuple[int, int]:
    """Return the time spent on work, and all time, in ticks since the start of the machine."""
    told = _told()
    return sum(told) - told[3] - told[4], sum(told)  # the fourth is idle, the fifth waits for disks


def _told() -> list[int]:
    return [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]


def describe(cluster: Cluster, busy: float) -> dict[str, object]:
    """Return the facts, by name; ``busy`` is the ``busy_percent`` before the run."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "postgresql": cluster.version(),
        **{name: version(name) for name in ("django", "djangorestframework", "gunicorn")},
        **{name: version(name) for name in ("psycopg", "numpy", "pyarrow")},
        **load_tool.versions(),
        "victoria-metrics": victoria_metrics_version(),
        "influxdb": influxdb_version(),
        "busy_percent_before": busy,
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def noise(busy: float) -> list[str]:
    """Return a note if something else was running before the run began."""
    if busy <= BUSY_PERCENT:
        return []
    return [f"the machine was {busy} % busy before the run: do not quote these figures"]


def theft(stolen: float) -> list[str]:
    """Return a note if other guests of the host took a good part of the processors' time."""
    if stolen <= STOLEN_PERCENT:
        return []
    return [f"other guests of the host took {stolen} % of the processors' time during the run"]
