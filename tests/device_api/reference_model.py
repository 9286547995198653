"""What a series ought to be: a dictionary that takes its files one by one."""

from __future__ import annotations

from collections import Counter


def take(series: dict[int, float], content: bytes) -> dict[str, int]:
    """Overlay the lines of a file on ``series`` and return how many were new and so on.

    Of lines with one time the last alone is compared; the others are repeated.
    """
    pairs = [line.split(",") for line in content.decode("ascii").split()]
    samples = {int(time): float(text) for time, text in pairs}
    counts = Counter({"new": 0, "identical": 0, "replaced": 0})
    counts["repeated"] = len(pairs) - len(samples)
    for time_ms, value in samples.items():
        if time_ms not in series:
            counts["new"] += 1
        elif series[time_ms] == value:
            counts["identical"] += 1
        else:
            counts["replaced"] += 1
        series[time_ms] = value
    return dict(counts)
