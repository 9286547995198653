"""The machine and the versions that figures are worth nothing without."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from benchmarks import load_tool
from benchmarks.cluster import Cluster
from benchmarks.references.stores import influxdb_version, victoria_metrics_version

BUSY_LOAD = 0.5


def describe(cluster: Cluster) -> dict[str, object]:
    """Return the facts, by name."""
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
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def noise(machine: dict[str, object]) -> list[str]:
    """Return a note if something else was running before the run began."""
    load = machine["load_average_before"]
    if isinstance(load, float) and load > BUSY_LOAD:
        return [
            f"the machine was busy before the run (load average {load}): do not quote these figures"
        ]
    return []
