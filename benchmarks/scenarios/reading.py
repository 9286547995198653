"""Times of charts, of an hour out of a year, and of exports."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from http.client import HTTPSConnection
from statistics import median
from typing import Any
from urllib.parse import quote, urlencode

from benchmarks.report import Goal
from benchmarks.run import Run, print_line
from benchmarks.scenarios.storage import compact, fill_store, stored_series
from benchmarks.seed import fill
from benchmarks.targets import Product
from benchmarks.workloads import FIRST_MS
from benchmarks.workspace import CannotMeasure
from device_endpoint.local_probe import unverified_context

DAY_MS = 86_400_000
YEAR_SERIES = "year"
CHART_WIDTH = 1000
CHUNK_BYTES = 1 << 20
MAX_YEARS_READ = 3  # several seconds each


def fill_year(run: Run) -> Product:
    """Return the filled product with a compacted series of a year at 1 Hz, made at first call."""
    product, scale = run.filled_product, run.scale
    count = f"SELECT count(*) FROM ingest_sampleblock WHERE name = '{YEAR_SERIES}'"  # noqa: S608
    if run.cluster.query_number(product.database, count) == 0:
        print_line(f"  storing {scale.days_charted} days, compacting ...")
        url = run.workspace.database_url(product.database)
        parts = [(run.devices[0].uploader, [YEAR_SERIES])]
        files = scale.days_charted * DAY_MS // 1000 // scale.day_samples
        fill(url, parts, files=files, samples=scale.day_samples)
        compact(url, run.devices[0].identity)
        run.cluster.execute(product.database, "VACUUM ANALYZE ingest_sampleblock")
    return product


def year_range(run: Run) -> tuple[int, int]:
    """Return the first millisecond of the year's series and the one after its last."""
    return FIRST_MS, FIRST_MS + run.scale.days_charted * DAY_MS


def chart(run: Run) -> None:
    """Compare the chart of all days with the chart of one."""
    product = fill_year(run)
    first, last = year_range(run)
    middle = first + (last - first) // DAY_MS // 2 * DAY_MS
    times: dict[str, list[float]] = {"year": [], "day": []}
    for number in range(run.scale.repeats + 1):
        for name, start, end in (("year", first, last), ("day", middle, middle + DAY_MS)):
            elapsed_ms = time_chart_ms(run, product, start, end)
            if number > 0:  # the first request warms up
                times[name].append(elapsed_ms)
    days = run.scale.days_charted
    run.add(
        f"chart of {'a year' if days == 365 else f'{days} days'} at 1 Hz",
        median(times["year"]),
        "ms",
        against="chart of one day",
        reference=median(times["day"]),
        goal=Goal("≤", 1.2),
    )


def time_chart_ms(run: Run, product: Product, start: int, end: int) -> float:
    """Return the time of a chart's buckets; raise ``CannotMeasure`` if they lack samples."""
    query = urlencode({"from": start, "to": end, "width": CHART_WIDTH})
    started = time.perf_counter()
    body = b"".join(get(run, product, YEAR_SERIES, f"buckets?{query}"))
    elapsed_ms = (time.perf_counter() - started) * 1000
    counted = sum(bucket["count"] for bucket in json.loads(body)["buckets"])
    if counted != (end - start) // 1000:
        raise CannotMeasure(f"the chart counts {counted:,} samples of {(end - start) // 1000:,}")
    return elapsed_ms


def statistics(run: Run) -> None:
    """Compare the summary statistics of all days with an export of all their samples."""
    product = fill_year(run)
    first, last = year_range(run)
    query = urlencode({"from": first, "to": last})
    times: dict[str, list[float]] = {"summary": [], "samples": []}
    for number in range(run.scale.repeats + 1):
        for name, path in (("summary", "summary?"), ("samples", "samples?format=parquet&")):
            if name == "samples" and number > MAX_YEARS_READ:
                continue
            started = time.perf_counter()
            size = sum(len(part) for part in get(run, product, YEAR_SERIES, f"{path}{query}"))
            if size == 0:
                raise CannotMeasure(f"{path} is empty")
            if number > 0:  # the first request warms up
                times[name].append((time.perf_counter() - started) * 1000)
    days = run.scale.days_charted
    run.add(
        f"statistics of {'a year' if days == 365 else f'{days} days'} at 1 Hz",
        median(times["summary"]),
        "ms",
        against="reading all samples as Parquet",
        reference=median(times["samples"]),
        goal=Goal("≤", 0.02),
    )


def hour(run: Run) -> None:
    """Count the blocks that PostgreSQL reads for an hour out of all days."""
    product = fill_year(run)
    first, last = year_range(run)
    start = (first + last) // 2 // 3_600_000 * 3_600_000 + 1_800_000  # across two hours
    statement = (
        "EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM analytics.samples_between(%s, %s,"
        " to_timestamp(%s), to_timestamp(%s))"
    )
    identity = run.devices[0].identity
    parameters = [identity, YEAR_SERIES, start / 1000, start / 1000 + 3600]
    with run.cluster.connect(product.database) as connection:
        row = connection.execute(statement, parameters).fetchone()
    scans = list(_find_block_scans(row[0][0]["Plan"])) if row else []
    if not scans:
        raise CannotMeasure("the plan of samples_between shows no scan of the blocks")
    goal = Goal("≤", 3, "value")
    blocks = sum(int(scan["Actual Rows"] * scan["Actual Loops"]) for scan in scans)
    run.add("an hour by analytics.samples_between", float(blocks), "blocks", goal=goal)


def _find_block_scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if plan.get("Relation Name") == "ingest_sampleblock":
        yield plan
    for child in plan.get("Plans", []):
        yield from _find_block_scans(child)


def export(run: Run) -> None:
    """Compare exports of a series as CSV and Parquet with COPY of as many rows."""
    product = fill_store(run)
    count = run.scale.samples_exported
    _create_rows(run, count)
    first_bytes: dict[str, list[float]] = {"csv": [], "parquet": []}
    exports: dict[str, Callable[[], int]] = {
        name: partial(_export_by_api, run, product, name, first_bytes[name])
        for name in ("csv", "parquet")
    }
    exports |= {
        "rows": lambda: _export_by_copy(run, product),
    }
    rates: dict[str, list[float]] = {name: [] for name in exports}
    for _ in range(run.scale.rounds):
        for name, export_series in exports.items():
            started = time.perf_counter()
            if export_series() == 0:
                raise CannotMeasure(f"the export ({name}) is empty")
            rates[name].append(count / (time.perf_counter() - started) / 1e6)
    for name in ("csv", "parquet"):
        run.add(
            f"export of {count:,} samples, {name}",
            median(rates[name]),
            "M samples/s",
            against="COPY of rows TO STDOUT",
            reference=median(rates["rows"]),
        )
        run.add_rounds(
            f"first byte of an export of {count:,} samples, {name}",
            first_bytes[name],
            "ms",
            goal=Goal("≤", 50, "value"),
        )


def _create_rows(run: Run, count: int) -> None:
    run.cluster.execute(
        run.filled_product.database,
        "CREATE TABLE exported_rows (series integer NOT NULL, time_ms bigint NOT NULL,"
        " value double precision NOT NULL, PRIMARY KEY (series, time_ms))",
        f"INSERT INTO exported_rows SELECT 1, {FIRST_MS} + n * 1000::bigint, 60 + n % 60"  # noqa: S608
        f" FROM generate_series(0, {count - 1}) n",
        "VACUUM ANALYZE exported_rows",
    )


def _export_by_api(run: Run, product: Product, form: str, first_bytes: list[float]) -> int:
    """Return the size of an export, and append the milliseconds until its first bytes."""
    name = stored_series(run)[0]
    size, lines = 0, 0
    started = time.perf_counter()
    for chunk in get(run, product, name, f"samples?format={form}"):
        if size == 0:
            first_bytes.append((time.perf_counter() - started) * 1000)
        size += len(chunk)
        lines += chunk.count(b"\n") if form == "csv" else 0
    if form == "csv" and lines != run.scale.samples_exported + 1:
        raise CannotMeasure(f"the export holds {lines:,} lines")
    return size


def _export_by_copy(run: Run, product: Product) -> int:
    rows = "SELECT time_ms, value FROM exported_rows WHERE series = 1 ORDER BY time_ms"
    command = [str(run.cluster.binaries / "psql"), "--no-psqlrc", "--quiet"]
    command += ["--dbname", run.workspace.database_url(product.database)]
    command += ["--command", f"COPY ({rows}) TO STDOUT (FORMAT csv)"]
    size = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        while process.stdout and (chunk := process.stdout.read(CHUNK_BYTES)):
            size += len(chunk)
    return size if process.returncode == 0 else 0


def get(run: Run, product: Product, series: str, rest: str) -> Generator[bytes]:
    """Yield the response of the analysis API below a series of the first device."""
    identity = quote(run.devices[0].identity)
    context = unverified_context()
    connection = HTTPSConnection("127.0.0.1", product.staff_port, context=context, timeout=120)
    try:
        connection.request(
            "GET",
            f"/api/v1/series/{identity}/{series}/{rest}",
            headers={"Authorization": f"Bearer {run.cluster.token}"},
        )
        response = connection.getresponse()
        if response.status != 200:
            raise CannotMeasure(
                f"the analysis API answers {response.status}: {response.read()[:200]!r}"
            )
        while chunk := response.read1(CHUNK_BYTES):
            yield chunk
    finally:
        connection.close()
