"""What a number of devices needs: processors, memory and disk, computed from measured costs.

``measured_costs.json`` holds the measurements, with the machine that they were taken on. Costs
between two measured lengths of a file are interpolated. docs/reference/sizing.md has what
the model leaves out, and its error.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

DAY_SECONDS = 86_400
# Processors are busy for so much of the time on average; the rest is for the hours in which more
# devices send than in others, for checkpoints, and for people who look at the data.
MAX_UTILISATION = 0.5
# Devices that send so seldom open a connection for each file; a battery would not last otherwise.
MIN_SECONDS_BETWEEN_CONNECTIONS = 60
# Each series inserts into leaves of its own of three indexes that begin with the identity.
_HOT_BYTES_PER_SERIES = 3 * 8_192
_STAFF_MB = 400  # two workers
_MIN_DATABASE_MB = 512
_MEASURED = Path(__file__).with_name("measured_costs.json")


@dataclass(frozen=True, slots=True)
class Fleet:
    """Devices with one series each, which send a file every so often, at ``rate`` samples/s."""

    devices: int
    every_seconds: float
    rate: float
    keep_days: float

    @property
    def samples_per_file(self) -> float:
        return self.every_seconds * self.rate


@dataclass(frozen=True, slots=True)
class Need:
    """What a fleet needs; ``processors`` and ``memory_gb`` are of all machines together."""

    files_per_second: float
    samples_per_day: float
    processors: int
    memory_gb: float
    disk_gb_per_day: float
    disk_gb: float
    received_mbit_per_second: float


@cache
def read_costs() -> dict[str, Any]:
    """Return the content of ``measured_costs.json``."""
    costs: dict[str, Any] = json.loads(_MEASURED.read_text())
    return costs


def estimate(fleet: Fleet) -> Need:
    """Return what ``fleet`` needs."""
    costs = read_costs()
    files_per_second = fleet.devices / fleet.every_seconds
    samples_per_second = fleet.devices * fleet.rate
    busy = files_per_second * _processor_ms(fleet, costs) / 1000
    processors = max(1, math.ceil(busy / MAX_UTILISATION))
    stored, uncompacted = (
        _bytes_per_sample(fleet.samples_per_file, costs["stored"], figure)
        * samples_per_second
        * DAY_SECONDS
        for figure in ("bytes_per_sample", "uncompacted_bytes_per_sample")
    )
    disk = stored * fleet.keep_days + uncompacted
    return Need(
        files_per_second=files_per_second,
        samples_per_day=samples_per_second * DAY_SECONDS,
        processors=processors,
        memory_gb=_memory_mb(fleet, processors, costs) / 1000,
        disk_gb_per_day=stored / 1e9,
        disk_gb=disk / 1e9,
        received_mbit_per_second=(
            files_per_second * costs["request_bytes"] + samples_per_second * costs["line_bytes"]
        )
        * 8
        / 1e6,
    )


def _processor_ms(fleet: Fleet, costs: dict[str, Any]) -> float:
    """Return the processor time of a file, with its handshake and its compaction."""
    samples = fleet.samples_per_file
    upload = _interpolate(samples, costs["files"], "processor_ms")
    handshake = (
        costs["handshake_ms"] if fleet.every_seconds >= MIN_SECONDS_BETWEEN_CONNECTIONS else 0
    )
    compaction = costs["compaction_us_per_file"] + samples * costs["compaction_us_per_sample"]
    return float(upload + handshake + compaction / 1000)


def _bytes_per_sample(samples: float, measured: Sequence[dict[str, Any]], figure: str) -> float:
    """Return the bytes of a stored sample: a share of its file's row, and its own.

    A file weighs ``row + samples * own`` bytes; the two measured lengths tell both.
    """
    short, long = measured
    small, large = (each["samples"] * each[figure] for each in (short, long))
    own = (large - small) / (long["samples"] - short["samples"])
    row = small - short["samples"] * own
    return float(own + row / max(samples, 1))


def _memory_mb(fleet: Fleet, processors: int, costs: dict[str, Any]) -> float:
    workers = processors * _interpolate(fleet.samples_per_file, costs["files"], "worker_mb")
    hot_mb = fleet.devices * _HOT_BYTES_PER_SERIES / 1e6
    return workers + _STAFF_MB + max(_MIN_DATABASE_MB, hot_mb)


def _interpolate(samples: float, measured: Sequence[dict[str, Any]], figure: str) -> float:
    """Return a figure for files of ``samples``; a longer file than any measured is scaled."""
    points = [(float(each["samples"]), float(each[figure])) for each in measured]
    if samples <= points[0][0]:
        return points[0][1]
    for (low, at_low), (high, at_high) in itertools.pairwise(points):
        if samples <= high:
            return at_low + (at_high - at_low) * (samples - low) / (high - low)
    return points[-1][1] * samples / points[-1][0] if figure == "processor_ms" else points[-1][1]


# --- As text -------------------------------------------------------------------------------
def table(rows: Sequence[tuple[str, Need]], heading: str) -> list[str]:
    """Return the lines of a Markdown table, a row for each of ``rows``."""
    lines = [
        f"| {heading} | files/s | processors | memory | disk a day | disk | received |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, need in rows:
        cells = (
            name,
            _round(need.files_per_second),
            f"{need.processors:,}",
            _bytes(need.memory_gb),
            _bytes(need.disk_gb_per_day),
            _bytes(need.disk_gb),
            f"{_round(need.received_mbit_per_second)} Mbit/s",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _round(number: float) -> str:
    """Return ``number`` with two significant digits: the model gives no more."""
    if number == 0:
        return "0"
    digits = max(0, 1 - math.floor(math.log10(number)))
    return f"{round(number, 1 - math.floor(math.log10(number))):,.{digits}f}"


def _bytes(gigabytes: float) -> str:
    for unit, size in (("PB", 1e6), ("TB", 1e3), ("GB", 1), ("MB", 1e-3)):
        if gigabytes >= size:
            return f"{_round(gigabytes / size)} {unit}"
    return f"{_round(gigabytes * 1e6)} kB"
