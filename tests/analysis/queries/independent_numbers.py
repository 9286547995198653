"""Statistics of exported samples, computed by numpy without the product's code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

FIVE_MINUTES_MS = 300_000


def read_export(csv: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return times (milliseconds, with decimals) and values of an exported CSV."""
    lines = [line.split(",") for line in csv.splitlines()[1:]]
    return (
        np.array([float(time) for time, _ in lines]),
        np.array([float(value) for _, value in lines]),
    )


def describe(values: NDArray[np.float64]) -> dict[str, Any]:
    """Return the statistics that pages, API and SQL show of some values."""
    low, middle, high = np.percentile(values, [5, 50, 95], method="inverted_cdf").tolist()
    return {
        "samples": len(values),
        "min": values.min(),
        "max": values.max(),
        "mean": values.mean(),
        "sd": values.std(ddof=1) if len(values) > 1 else None,
        "p5": low,
        "median": middle,
        "p95": high,
    }


def describe_days(
    times: NDArray[np.float64], values: NDArray[np.float64], zone: str, interval_ms: float
) -> list[dict[str, Any]]:
    """Return the local days of a series that is sampled every ``interval_ms``, with pauses."""
    dates = np.array([local_date(time, zone) for time in times])
    days = []
    for date in sorted({*dates}):
        of_day, its_times = values[dates == date], times[dates == date]
        bins = its_times // FIVE_MINUTES_MS
        means = [
            of_day[bins == number].mean()
            for number in np.unique(bins)
            if (bins == number).sum() >= 0.6 * FIVE_MINUTES_MS / interval_ms
        ]
        days.append(
            {
                "date": date,
                "covered_seconds": len(of_day) * interval_ms / 1000,
                "resting": min(means, default=None),
                **describe(of_day),
            }
        )
    return days


def local_date(time_ms: float, zone: str) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    return moment.astimezone(ZoneInfo(zone)).date().isoformat()
