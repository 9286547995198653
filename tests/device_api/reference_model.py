"""What a series ought to be: a dictionary that takes the lines of its files one by one."""

from __future__ import annotations

from collections import Counter


def take(series: dict[int, float], content: bytes) -> dict[str, int]:
    """Lay the lines of a file over ``series`` and return how many were new and so on."""
    counts = Counter({"new": 0, "identical": 0, "replaced": 0})
    for line in content.decode("ascii").split():
        time, _, text = line.partition(",")
        time_ms, value = int(time), float(text)
        if time_ms not in series:
            counts["new"] += 1
        elif series[time_ms] == value:
            counts["identical"] += 1
        else:
            counts["replaced"] += 1
        series[time_ms] = value
    return dict(counts)
