"""What uploads, analysts and compaction cost one another on one machine."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import cycle
from statistics import median
from threading import Event

from benchmarks.comparison import Load, Round, send
from benchmarks.report import Goal
from benchmarks.run import Run, print_line
from benchmarks.scenarios.reading import DAY_MS, fill_year, time_chart_ms, year_range
from benchmarks.scenarios.storage import compact
from benchmarks.seed import fill
from benchmarks.targets import Product
from benchmarks.workloads import Workload
from benchmarks.workspace import CannotMeasure

ANALYSTS = 10
DEVICES = 8
COMPACTED_DEVICES = 2  # one process of `compact` for each
# A rate that leaves the processors free, so that a delay is a wait for a lock or a disk.
CALM_FILES_PER_SECOND = 100
FIRST_COMPACTED = 2_000_000  # the number of the first sample: behind all that the load sends


def analysts(run: Run) -> None:
    """Measure uploads and charts, each alone and both at once, as fast as they are answered."""
    product = fill_year(run)
    workload = Workload("hr-7-analysts", 7, 20_000)
    load = Load(run.devices[:DEVICES])
    send(product, workload, run.corpora, Load(load.devices, max_files=DEVICES))
    alone: list[float] = []
    beside: list[float] = []
    charts_alone: list[float] = []
    charts_beside: list[float] = []
    for _ in range(run.scale.rounds):
        alone.append(send(product, workload, run.corpora, load).rate)
        charts_alone.append(median(_draw_charts(run, product, None)))
        rate, charts = _measure_together(run, product, workload, load)
        beside.append(rate)
        charts_beside.append(charts)
    run.corpora.drop(workload)
    run.add_rounds(
        f"7-sample files beside {ANALYSTS} analysts, {DEVICES} devices",
        beside,
        "files/s",
        against="the same, alone",
        references=alone,
    )
    run.add_rounds(
        f"charts of {ANALYSTS} analysts beside {DEVICES} devices",
        charts_beside,
        "ms",
        against="the same, alone",
        references=charts_alone,
    )


def _measure_together(
    run: Run, product: Product, workload: Workload, load: Load
) -> tuple[float, float]:
    """Return the rate of uploads and the median time of charts while both run."""
    end = Event()
    with ThreadPoolExecutor(1) as pool:
        drawing = pool.submit(_draw_charts, run, product, end)
        try:
            rate = send(product, workload, run.corpora, replace(load, is_alone=False)).rate
        finally:
            end.set()
        return rate, median(drawing.result())


def _draw_charts(run: Run, product: Product, end: Event | None) -> list[float]:
    """Return the times of charts that all analysts request, until ``end`` or for a load's time."""
    deadline = time.monotonic() + run.scale.seconds

    def request(number: int) -> list[float]:
        first, last = year_range(run)
        days = cycle([(first, last), (first + number * DAY_MS, first + (number + 1) * DAY_MS)])
        times: list[float] = []
        while not times or (time.monotonic() < deadline if end is None else not end.is_set()):
            times.append(time_chart_ms(run, product, *next(days)))
        return times

    with ThreadPoolExecutor(ANALYSTS) as pool:
        return [ms for times in pool.map(request, range(ANALYSTS)) for ms in times]


def compaction(run: Run) -> None:
    """Measure compaction, and the delay of uploads to the very series that it works on."""
    _compact_minutes(run)
    product = run.product
    workload = Workload("hr-7-compacted", 7, 12_000)
    load = Load(run.devices[:COMPACTED_DEVICES], rate=CALM_FILES_PER_SECOND)
    alone: list[float] = []
    beside: list[float] = []
    for number in range(run.scale.rounds):
        _store_small_blocks(run, workload, load, number)
        alone.append(_p99_ms(send(product, workload, run.corpora, load)))
        found = _send_while_compacting(run, workload, replace(load, is_alone=False))
        if not found:
            raise CannotMeasure("compaction ended before a file was sent")
        beside.append(median(_p99_ms(each) for each in found))
    run.corpora.drop(workload)
    run.add(
        "99th percentile of an upload's time while its series is compacted",
        median(beside),
        "ms",
        against="without compaction",
        reference=median(alone),
        ratios=[a / b for a, b in zip(beside, alone, strict=True)],
    )
    delays = [a - b for a, b in zip(beside, alone, strict=True)]
    run.add_rounds("the delay by compaction", delays, "ms", goal=Goal("≤", 50, "value"))


def _compact_minutes(run: Run) -> None:
    """Compare the compaction of one-minute files with storing them, both without the network."""
    devices, files = run.devices[:COMPACTED_DEVICES], run.scale.minutes_compacted
    run.cluster.create_copy("minutes")
    url = run.workspace.database_url("minutes")
    started = time.monotonic()
    fill(url, [(each.uploader, ["minutes"]) for each in devices], files=files, samples=60)
    storing_seconds = time.monotonic() - started
    samples = len(devices) * files * 60
    run.add(
        f"compaction of {samples:,} samples from one-minute files, two at once",
        samples / compact(url, *(each.identity for each in devices)) / 1e6,
        "M samples/s",
        against="storing them",
        reference=samples / storing_seconds / 1e6,
        goal=Goal("≥", 0.7),
    )


def _store_small_blocks(run: Run, workload: Workload, load: Load, number: int) -> None:
    first = FIRST_COMPACTED + number * run.scale.files_compacted * workload.samples
    url = run.workspace.database_url(run.product.database)
    parts = [(device.uploader, [workload.series]) for device in load.devices]
    fill(url, parts, files=run.scale.files_compacted, samples=workload.samples, first=first)


def _send_while_compacting(run: Run, workload: Workload, load: Load) -> list[Round]:
    url = run.workspace.database_url(run.product.database)
    with ThreadPoolExecutor(1) as pool:
        identities = [device.identity for device in load.devices]
        compacting = pool.submit(compact, url, *identities)
        found: list[Round] = []
        while not compacting.done():
            found.append(send(run.product, workload, run.corpora, load))
        print_line(f"  compaction: {compacting.result():.1f} s")
    return found


def _p99_ms(measured: Round) -> float:
    if measured.p99_ms is None:
        raise CannotMeasure("the load tool has measured no times")
    return measured.p99_ms
