"""The machine and the versions that figures are worth nothing without."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

from benchmarks import load_tool
from benchmarks.cluster import Cluster
from benchmarks.references.stores import influxdb_version, victoria_metrics_version

# Of all processors' time, while nothing of ours runs.
BUSY_PERCENT = 10.0
LOOK_SECONDS = 3.0


def busy_percent() -> float:
    """Return how much of all processors' time others take, looked at for some seconds."""
    busy, passed = _processor_times()
    time.sleep(LOOK_SECONDS)
    busy_later, passed_later = _processor_times()
    return round(100 * (busy_later - busy) / max(passed_later - passed, 1), 1)


def _processor_times() -> tuple[int, int]:
    """Return the time spent on work, and all time, in ticks since the start of the machine."""
    told = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(told) - told[3] - told[4], sum(told)  # the fourth is idle, the fifth waits for disks


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
