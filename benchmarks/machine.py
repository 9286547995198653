"""The machine of a run: its description, its load, the versions of the programs."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

from benchmarks import load_tool
from benchmarks.baselines.stores import package_version
from benchmarks.cluster import Cluster

# Shares of all processors' time above which figures are not to be trusted.
MAX_BUSY_PERCENT = 10.0
MAX_STOLEN_PERCENT = 2.0
BUSY_INTERVAL_SECONDS = 3.0
SETTLE_INTERVAL_SECONDS = 0.2
MAX_SETTLE_SECONDS = 1.5
_PACKAGES = ("django", "djangorestframework", "gunicorn", "psycopg", "numpy", "pyarrow")


def busy_percent(interval_seconds: float = BUSY_INTERVAL_SECONDS) -> float:
    """Measure the share of all processors' time that is in use."""
    before = _cpu_ticks()
    time.sleep(interval_seconds)
    after = _cpu_ticks()
    passed = sum(after) - sum(before)
    idle = sum(after[3:5]) - sum(before[3:5])  # idle, and waiting for disks
    return round(100 * (passed - idle) / max(passed, 1), 1)


def stolen_ticks() -> tuple[int, int]:
    """Return the time that other guests of the host took, and all time, in ticks."""
    ticks = _cpu_ticks()
    return ticks[7], sum(ticks)


def stolen_percent(since: tuple[int, int]) -> float:
    """Return the share of all processors' time that was stolen after ``since``."""
    stolen, passed = stolen_ticks()
    return round(100 * (stolen - since[0]) / max(passed - since[1], 1), 1)


def settle() -> None:
    """Wait, within a limit, until the background work of the last measurement has ended."""
    deadline = time.monotonic() + MAX_SETTLE_SECONDS
    while busy_percent(SETTLE_INTERVAL_SECONDS) > MAX_BUSY_PERCENT and time.monotonic() < deadline:
        pass


def _cpu_ticks() -> list[int]:
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    return [int(field) for field in fields]


def describe(cluster: Cluster, busy: float) -> dict[str, object]:
    """Return the facts that belong to the figures; ``busy`` was measured before the run."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "postgresql": cluster.version(),
        **{name: version(name) for name in _PACKAGES},
        **load_tool.versions(),
        "victoria-metrics": package_version("victoria-metrics"),
        "influxdb": package_version("influxdb"),
        "busy_percent_before": busy,
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return line.split(":", 1)[1].strip()
    return platform.machine()
