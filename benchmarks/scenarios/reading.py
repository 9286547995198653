"""Rows of reading: charts, an hour out of a year, exports."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from http.client import HTTPSConnection
from statistics import median
from typing import Any
from urllib.parse import quote, urlencode

from benchmarks.devices import open_context
from benchmarks.processes import CannotMeasure
from benchmarks.product import Product
from benchmarks.report import Goal
from benchmarks.run import Session
from benchmarks.scenarios.storage import compact, exported_series, fill_store
from benchmarks.workloads import FIRST_MS

DAY_MS = 86_400_000
YEAR_SERIES = "year"
CHART_WIDTH = 1000

# The blocks that files of one minute leave behind, made by SQL: half a million uploads would
# take longer than all other rows together.
_MINUTES = """
INSERT INTO ingest_sampleblock (id, identity_id, name, hour, first_ms, last_ms, sample_count,
                                minimum, maximum, total, offsets_ms, "values", encoding)
SELECT gen_random_uuid(), {identity_id}, '{name}', (start / 3600000)::int, start, start + 59000, 60,
       found.low, found.high, found.total, found.offsets, found.rates, 1
FROM generate_series({first}::bigint, {last}::bigint - 1, 60000) AS start
CROSS JOIN LATERAL (
    SELECT min(rate) AS low, max(rate) AS high, sum(rate) AS total,
           array_agg((start % 3600000 + second * 1000)::int ORDER BY second) AS offsets,
           array_agg(rate ORDER BY second) AS rates
    FROM (
        SELECT second,
               round(7500 + 2000 * sin((start / 1000 + second) / 900.0) + 200 * random()) / 100
        FROM generate_series(0, 59) AS second
    ) AS minute (second, rate)
) AS found
"""


def fill_year(session: Session) -> Product:
    """Return the filled copy with a compacted series of a year at 1 Hz in one-minute files."""
    product = session.filled
    first, last = _year(session)
    identity = session.devices[0].identity_id
    count = f"SELECT count(*) FROM ingest_sampleblock WHERE name = '{YEAR_SERIES}'"  # noqa: S608
    if session.cluster.number(product.database, count) == 0:
        session.say(f"  storing {session.scale.days_charted} days in minutes, compacting ...")
        session.cluster.execute(
            product.database,
            _MINUTES.format(identity_id=identity, name=YEAR_SERIES, first=first, last=last),
            "VACUUM ANALYZE ingest_sampleblock",
        )
        url = session.place.database_url(product.database)
        seconds = compact(url, session.devices[0].identity)
        session.add(
            f"compaction of {session.scale.days_charted} days at 1 Hz, from one-minute files",
            (last - first) / 1000 / seconds / 1e6,
            "M samples/s",
        )
        session.cluster.execute(product.database, "VACUUM ANALYZE ingest_sampleblock")
    return product


def _year(session: Session) -> tuple[int, int]:
    return FIRST_MS, FIRST_MS + session.scale.days_charted * DAY_MS


def chart(session: Session) -> None:
    """The chart of all days against the chart of one."""
    product = fill_year(session)
    first, last = _year(session)
    middle = first + (last - first) // DAY_MS // 2 * DAY_MS
    times: dict[str, list[float]] = {"year": [], "day": []}
    for number in range(session.scale.repeats + 1):
        for name, start, end in (("year", first, last), ("day", middle, middle + DAY_MS)):
            taken = _chart_ms(session, product, start, end)
            if number > 0:  # the first warms up
                times[name].append(taken)
    days = session.scale.days_charted
    session.add(
        f"chart of {'a year' if days == 365 else f'{days} days'} at 1 Hz, from one-minute files",
        median(times["year"]),
        "ms",
        against="chart of one day",
        reference=median(times["day"]),
        goal=Goal("≤", 3),
    )


def _chart_ms(session: Session, product: Product, start: int, end: int) -> float:
    query = urlencode({"from": start, "to": end, "width": CHART_WIDTH})
    began = time.perf_counter()
    body = b"".join(_get(session, product, YEAR_SERIES, f"buckets?{query}"))
    taken = (time.perf_counter() - began) * 1000
    counted = sum(bucket["count"] for bucket in json.loads(body)["buckets"])
    if counted != (end - start) // 1000:
        raise CannotMeasure(f"the chart counts {counted:,} samples of {(end - start) // 1000:,}")
    return taken


def hour(session: Session) -> None:
    """How many blocks an hour out of all days opens, as PostgreSQL says."""
    product = fill_year(session)
    first, last = _year(session)
    start = (first + last) // 2 // 3_600_000 * 3_600_000 + 1_800_000  # across two hours
    statement = (
        "EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM analytics.samples_between(%s, %s,"
        " to_timestamp(%s), to_timestamp(%s))"
    )
    identity = session.devices[0].identity
    parameters = [identity, YEAR_SERIES, start / 1000, start / 1000 + 3600]
    with session.cluster.connect(product.database) as connection:
        found = connection.execute(statement, parameters).fetchone()
    opened = [_rows(node) for node in _nodes(found[0][0]["Plan"])] if found else []
    if not opened:
        raise CannotMeasure("the plan of samples_between shows no scan of the blocks")
    goal = Goal("≤", 3, "value")
    session.add("an hour by analytics.samples_between", float(sum(opened)), "blocks", goal=goal)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if plan.get("Relation Name") == "ingest_sampleblock":
        yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


def _rows(node: dict[str, Any]) -> int:
    return int(node["Actual Rows"] * node["Actual Loops"])


def export(session: Session) -> None:
    """Export a series as CSV and Parquet against COPY of as many rows, in turn."""
    product = fill_store(session)
    count = session.scale.samples_exported
    _make_rows(session, count)
    ways: dict[str, Callable[[], int]] = {
        "csv": lambda: _export(session, product, "csv"),
        "parquet": lambda: _export(session, product, "parquet"),
        "rows": lambda: _copy_out(session, product),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(session.scale.rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            if way() == 0:
                raise CannotMeasure(f"the export ({name}) is empty")
            rates[name].append(count / (time.perf_counter() - began) / 1e6)
    for name in ("csv", "parquet"):
        session.add(
            f"export of {count:,} samples, {name}",
            median(rates[name]),
            "M samples/s",
            against="COPY of rows TO STDOUT",
            reference=median(rates["rows"]),
        )


def _make_rows(session: Session, count: int) -> None:
    session.cluster.execute(
        session.filled.database,
        "CREATE TABLE exported_rows (series integer NOT NULL, time_ms bigint NOT NULL,"
        " value double precision NOT NULL, PRIMARY KEY (series, time_ms))",
        f"INSERT INTO exported_rows SELECT 1, {FIRST_MS} + n * 1000::bigint, 60 + n % 60"  # noqa: S608
        f" FROM generate_series(0, {count - 1}) n",
        "VACUUM ANALYZE exported_rows",
    )


def _export(session: Session, product: Product, form: str) -> int:
    name = exported_series(session)[0]
    size, lines = 0, 0
    for piece in _get(session, product, name, f"samples?format={form}"):
        size += len(piece)
        lines += piece.count(b"\n") if form == "csv" else 0
    if form == "csv" and lines != session.scale.samples_exported + 1:
        raise CannotMeasure(f"the export holds {lines:,} lines")
    return size


def _copy_out(session: Session, product: Product) -> int:
    rows = "SELECT time_ms, value FROM exported_rows WHERE series = 1 ORDER BY time_ms"
    command = [str(session.cluster.binaries / "psql"), "--no-psqlrc", "--quiet"]
    command += ["--dbname", session.place.database_url(product.database)]
    command += ["--command", f"COPY ({rows}) TO STDOUT (FORMAT csv)"]
    size = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as run:
        while run.stdout and (piece := run.stdout.read(1 << 20)):
            size += len(piece)
    return size if run.returncode == 0 else 0


def _get(session: Session, product: Product, series: str, rest: str) -> Iterator[bytes]:
    identity = quote(session.devices[0].identity)
    connection = HTTPSConnection(
        "127.0.0.1", product.staff_port, context=open_context(), timeout=120
    )
    try:
        connection.request(
            "GET",
            f"/api/v1/series/{identity}/{series}/{rest}",
            headers={"Authorization": f"Bearer {session.cluster.token}"},
        )
        answer = connection.getresponse()
        if answer.status != 200:
            raise CannotMeasure(f"the read API answers {answer.status}: {answer.read()[:200]!r}")
        while piece := answer.read(1 << 20):
            yield piece
    finally:
        connection.close()
