"""The files that cost most within the published limits: seconds, and a worker's peak memory."""

from __future__ import annotations

import time
from collections.abc import Sequence

from benchmarks import worst_inputs
from benchmarks.report import Goal
from benchmarks.run import Run
from benchmarks.scenarios.memory import read_peak_mb, reset_peaks, send_files
from benchmarks.workspace import CannotMeasure

# Half of DEVICE_TIMEOUT_SECONDS, after which a worker is taken for dead.
MAX_SECONDS = 15
MAX_PEAK_MB = 700
PER_HOUR = 3_600


def worst(run: Run) -> None:
    """Send each of the worst files once; those by the hour meet stored samples, full hours last."""
    hours, lines = run.scale.hours_at_limits, run.scale.lines_at_limits
    for make in (
        worst_inputs.each_another_hour,
        worst_inputs.changed,
        worst_inputs.between,
        worst_inputs.far_apart,
    ):
        _measure(run, "worst", make.__name__, make(hours))
    _measure(run, "worst-backwards", "backwards", worst_inputs.backwards(hours))
    _measure(run, "worst-shuffled", "shuffled", worst_inputs.shuffled(hours))
    # As many lines as fit into the size limit of a request.
    _measure(run, "worst-time", "one_time", worst_inputs.one_time(lines // 2))
    _measure(run, "worst-long", "longest_numbers", worst_inputs.longest_numbers(lines // 6))
    _measure(run, "worst-columns", "most_columns", worst_inputs.most_columns(lines // 6))
    _measure(run, "worst-errors", "never_readable", worst_inputs.never_readable(lines))
    # As many series as a request can have; the second time all of them are changed.
    for value, kind in ((1, "new"), (2, "changed")):
        line = worst_inputs.one_line_of_columns(worst_inputs.FIRST_MS, value)
        files = [(f"worst-{number}", line) for number in range(run.scale.files_at_limits)]
        _measure_request(run, f"{len(files)} files of 63 columns, {kind}", files)
    for content in worst_inputs.full_hours(run.scale.full_hours, PER_HOUR):
        send_files(run.product, run.devices[0], [("worst-full", content)])
    changed = worst_inputs.changed(run.scale.full_hours)
    _measure(run, "worst-full", "changed, in full hours", changed)


def _measure(run: Run, series: str, name: str, content: bytes) -> None:
    _measure_request(run, name, [(series, content)])


def _measure_request(run: Run, name: str, files: Sequence[tuple[str, bytes]]) -> None:
    reset_peaks(run.product)
    started = time.monotonic()
    status, text = send_files(run.product, run.devices[0], files)
    seconds = time.monotonic() - started
    if status not in (200, 413, 422):
        raise CannotMeasure(f"{name} is answered {status}: {text[:200]!r}")
    size = sum(len(content) for _, content in files)
    work = f"{name.replace('_', ' ')}, {size / 1e6:.1f} MB, answered {status}"
    run.add(work, seconds, "s", goal=Goal("≤", MAX_SECONDS, "value"))
    peak = read_peak_mb(run.product)
    run.add(f"{name.replace('_', ' ')}: peak", peak, "MB", goal=Goal("≤", MAX_PEAK_MB, "value"))
