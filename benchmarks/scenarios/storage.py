"""Bytes a sample, compaction, and the speed of uploads to a large store."""

from __future__ import annotations

import sys
import time

from benchmarks.comparison import Load
from benchmarks.report import Goal
from benchmarks.run import Run, print_line
from benchmarks.seed import fill, run_together
from benchmarks.targets import Product
from benchmarks.workloads import Workload
from benchmarks.workspace import MANAGE_PY, CannotMeasure

MAX_FILE_SAMPLES = 1_000_000
ROWS_MEASURED = 200_000
_TABLES = ("ingest_measurement", "ingest_sampleblock")
_SIZE = " + ".join(f"pg_total_relation_size('{table}')" for table in _TABLES)
_BLOCKS_SIZE = "SELECT pg_total_relation_size('ingest_sampleblock')"
HOUR_OF_AXIS = 115_200  # samples
_ROWS = (
    """
    CREATE TABLE samples (series integer NOT NULL, time_ms bigint NOT NULL,
                          value double precision NOT NULL, PRIMARY KEY (series, time_ms))
    """,
    "INSERT INTO samples SELECT 1, 1104537600000 + n * 1000, 60 FROM generate_series(1, 200000) n",
    "VACUUM ANALYZE samples",
)


def sizes(run: Run) -> None:
    """Compare the bytes of a stored sample, everything included, with those of a plain row."""
    run.cluster.execute("postgres", "CREATE DATABASE size_rows")
    run.cluster.execute("size_rows", *_ROWS)
    size = run.cluster.query_number("size_rows", "SELECT pg_total_relation_size('samples')")
    scale = run.scale
    for length, files, goal in (
        (3_600, scale.files_of_3600_stored, Goal("≤", 6, "value")),
        (7, scale.files_of_7_stored, Goal("≤", 50, "value")),
    ):
        work = f"a heart-rate sample stored from files of {length:,}"
        value: float | None = None
        try:
            value = _measure_bytes(run, f"size_{length}", files, length)
        except CannotMeasure as reason:
            run.fault(f"{work}: {reason}")
        reference = size / ROWS_MEASURED
        run.add(work, value, "bytes", against="a row", reference=reference, goal=goal)
    run.add(
        "an accelerometer's axis at 32 Hz, blocks of a sample alone",
        _measure_axis(run),
        "bytes",
        against="a row",
        reference=reference,
        goal=Goal("≤", 2, "value"),
    )


def _measure_axis(run: Run) -> float:
    cluster, samples = run.cluster, run.scale.acceleration_stored
    cluster.create_copy("size_axis")
    url = run.workspace.database_url("size_axis")
    parts = [(run.devices[0].uploader, ["acc.x"])]
    fill(url, parts, files=samples // HOUR_OF_AXIS, samples=HOUR_OF_AXIS, kind="acceleration")
    compact(url, run.devices[0].identity)
    cluster.execute("size_axis", "VACUUM FULL ingest_sampleblock")
    return cluster.query_number("size_axis", _BLOCKS_SIZE) / samples


def _measure_bytes(run: Run, database: str, files: int, length: int) -> float:
    """Store files in rounds, each followed by compaction and VACUUM, as happens daily in use.

    A round reuses the space that the small blocks of the round before have left. The option
    ``--all`` compresses the files again, which happens ten minutes later in use.
    """
    cluster, rounds = run.cluster, run.scale.storing_rounds
    cluster.create_copy(database)
    url = run.workspace.database_url(database)
    files_each = files // rounds
    for number in range(rounds):
        parts = [(run.devices[0].uploader, ["hr"])]
        first = number * files_each * length
        fill(url, parts, files=files_each, samples=length, first=first)
        run_together([[sys.executable, MANAGE_PY, "compact", "--all"]], url)
        cluster.execute(database, *(f"VACUUM {table}" for table in _TABLES))
    stored = cluster.query_number(database, "SELECT sum(sample_count) FROM ingest_sampleblock")
    if stored != rounds * files_each * length:
        raise CannotMeasure(f"{stored:,} samples are stored after compact: some are missing")
    return cluster.query_number(database, f"SELECT {_SIZE}") / stored


def compact(database_url: str, *identities: str) -> float:
    """Run ``manage.py compact`` for all ``identities`` at the same time; return its seconds."""
    started = time.monotonic()
    commands = [
        [sys.executable, MANAGE_PY, "compact", f"--identity={identity}"] for identity in identities
    ]
    run_together(commands, database_url)
    return time.monotonic() - started


def stored_series(run: Run) -> list[str]:
    """Return the names of the series that fill the store, each as long as an export."""
    count = run.scale.samples_stored // run.scale.samples_exported
    return [f"stored-{number:02}" for number in range(count)]


def fill_store(run: Run) -> Product:
    """Return the filled product, filled at the first call, which adds the row of compaction.

    Two devices own the series in turn, the first device the first series.
    """
    product, scale = run.filled_product, run.scale
    if product.count_stored() < scale.samples_stored:
        length = min(MAX_FILE_SAMPLES, scale.samples_exported)
        url = run.workspace.database_url(product.database)
        owners, series = run.devices[:2], stored_series(run)
        print_line(f"  storing {scale.samples_stored:,} samples, compacting ...")
        started = time.monotonic()
        parts = [(owner.uploader, series[n::2]) for n, owner in enumerate(owners)]
        fill(url, parts, files=scale.samples_exported // length, samples=length)
        storing_seconds = time.monotonic() - started
        compaction_seconds = compact(url, *(owner.identity for owner in owners))
        run.add(
            f"compaction of {scale.samples_stored:,} samples, two at once",
            scale.samples_stored / compaction_seconds / 1e6,
            "M samples/s",
            against="storing them",
            reference=scale.samples_stored / storing_seconds / 1e6,
            goal=Goal("≥", 0.7),
        )
        # A running server does this within minutes.
        run.cluster.execute(product.database, "VACUUM ANALYZE", "CHECKPOINT")
    return product


def full_store(run: Run) -> None:
    """Compare uploads to the filled product with uploads to the empty one."""
    filled = fill_store(run)
    load = Load(run.devices[:8])
    for workload in (Workload("hr-7-full", 7, 20_000), Workload("hr-1000-full", 1_000, 6_000)):
        rounds = run.compare([filled, run.product], workload, load)
        run.add_rounds(
            f"{workload.samples:,}-sample files, {run.scale.samples_stored:,} samples stored",
            [each.rate for each in rounds[filled.name]],
            "files/s",
            against="the same, empty",
            references=[each.rate for each in rounds[run.product.name]],
            goal=Goal("≥", 0.95),
        )
