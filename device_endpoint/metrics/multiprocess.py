"""What the processes of both doors have counted, added up: one folder of files for each door."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from device_endpoint.env import metrics_folder

DOORS = ("device", "staff")
# A door that starts anew removes its files: those listed a moment ago may be gone.
MAX_ATTEMPTS = 3


class BothDoors(Collector):
    """Merges the files of all processes, also of those that have ended."""

    def collect(self) -> Iterable[Metric]:
        """Return each metric once, with the sum over both doors."""
        for _ in range(MAX_ATTEMPTS - 1):
            try:
                return self._merged()
            except FileNotFoundError:
                continue
        return self._merged()

    def _merged(self) -> Iterable[Metric]:
        files = [str(file) for door in DOORS for file in _files(metrics_folder() / door)]
        merged: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return merged


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.db"))
