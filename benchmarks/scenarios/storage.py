"""Rows of what is stored: bytes per sample, and speed with much in store."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.comparison import Measured, Run, send
from benchmarks.processes import CannotMeasure
from benchmarks.product import Product
from benchmarks.report import Goal
from benchmarks.run import Session
from benchmarks.seed import fill, wait_for
from benchmarks.workloads import Workload
from benchmarks.workspace import manage_py
from device_endpoint.env import child_environment

MAX_FILE = 1_000_000
_TABLES = ("ingest_measurement", "ingest_sampleblock")
_SIZE = " + ".join(f"pg_total_relation_size('{table}')" for table in _TABLES)
_STORED = "SELECT sum(sample_count) FROM ingest_sampleblock"
_ROWS = (
    """
    CREATE TABLE samples (series integer NOT NULL, time_ms bigint NOT NULL,
                          value double precision NOT NULL, PRIMARY KEY (series, time_ms))
    """,
    "INSERT INTO samples SELECT 1, 1104537600000 + n * 1000, 60 FROM generate_series(1, {count}) n",
    "VACUUM ANALYZE samples",
)


def sizes(session: Session) -> None:
    """Bytes of a sample with all that belongs to it, against a row."""
    a_row = _bytes_of_a_row(session)
    scale = session.scale
    for length, files, goal in (
        (3_600, scale.files_of_3600_stored, Goal("≤", 12, "value")),
        (7, scale.files_of_7_stored, Goal("<", 84, "value")),
    ):
        work = f"a heart-rate sample stored from files of {length:,}"
        try:
            value: float | None = _bytes_of_a_sample(session, f"size_{length}", files, length)
        except CannotMeasure as reason:
            session.fault(f"{work}: {reason}")
            value = None
        session.add(work, value, "bytes", against="a row", reference=a_row, goal=goal)


def _bytes_of_a_row(session: Session) -> float:
    count = 200_000
    session.cluster.execute("postgres", "CREATE DATABASE size_rows")
    session.cluster.execute("size_rows", *(text.format(count=count) for text in _ROWS))
    return session.cluster.number("size_rows", "SELECT pg_total_relation_size('samples')") / count


def _bytes_of_a_sample(session: Session, database: str, files: int, length: int) -> float:
    """Store in rounds, each followed by ``compact`` and VACUUM, as days follow each other.

    What a round's small blocks leave free is used by the next one, as in a store in use.
    """
    cluster, rounds = session.cluster, session.scale.rounds_of_storing
    cluster.copy_blank(database)
    each = files // rounds
    for number in range(rounds):
        url = session.place.database_url(database)
        first = number * each * length
        parts = [(session.devices[0].uploader, ["hr"])]
        fill(url, parts, files=each, samples=length, first=first)
        compact(url, session.devices[0].identity)
        cluster.execute(database, *(f"VACUUM {table}" for table in _TABLES))
    stored = cluster.number(database, _STORED)
    if stored != rounds * each * length:
        raise CannotMeasure(f"{stored:,} samples are stored after compact: some are missing")
    return cluster.number(database, f"SELECT {_SIZE}") / stored


def compact(database_url: str, *identities: str) -> float:
    """Run ``manage.py compact`` on a database, for each of ``identities`` at the same time.

    Return how many seconds it took.
    """
    began = time.monotonic()
    running = [
        subprocess.Popen(
            [sys.executable, manage_py(), "compact", *chosen],
            env=child_environment({"DATABASE_URL": database_url}),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for chosen in ([f"--identity={name}"] for name in identities)
    ]
    wait_for(running, "compact")
    return time.monotonic() - began


def exported_series(session: Session) -> list[str]:
    """Return the names of the series that fill the store; each is as long as the one exported."""
    count = session.scale.samples_stored // session.scale.samples_exported
    return [f"stored-{number:02}" for number in range(count)]


def fill_store(session: Session) -> Product:
    """Return the filled copy of the product, filled now if it is not yet.

    Two devices own the series in turn, the first of which is the first device's.
    """
    product, scale = session.filled, session.scale
    if product.stored() < scale.samples_stored:
        length = min(MAX_FILE, scale.samples_exported)
        url = session.place.database_url(product.database)
        owners = session.devices[:2]
        session.say(f"  storing {scale.samples_stored:,} samples, compacting ...")
        series = exported_series(session)
        parts = [(owner.uploader, series[n::2]) for n, owner in enumerate(owners)]
        began = time.monotonic()
        fill(url, parts, files=scale.samples_exported // length, samples=length)
        stored_in = time.monotonic() - began
        compacted_in = compact(url, *(owner.identity for owner in owners))
        session.add(
            f"compaction of {scale.samples_stored:,} samples, two at once",
            scale.samples_stored / compacted_in / 1e6,
            "M samples/s",
            against="storing them",
            reference=scale.samples_stored / stored_in / 1e6,
        )
        # What a running server does by itself within minutes.
        session.cluster.execute(product.database, "VACUUM ANALYZE", "CHECKPOINT")
    return product


def full_store(session: Session) -> None:
    """Uploads beside much that is stored, against uploads to the copy that is empty, in turn."""
    filled, scale = fill_store(session), session.scale
    run = Run(session.devices[:8])
    for workload in (Workload("hr-7-full", 7, 20_000), Workload("hr-1000-full", 1_000, 6_000)):
        beside, alone = Measured(), Measured()
        for _ in range(scale.rounds):
            for product, measured in ((filled, beside), (session.product, alone)):
                result = send(product, workload, session.corpora, scale, run)
                measured.rates.append(result.rate)
        session.add(
            f"{workload.samples:,}-sample files, {scale.samples_stored:,} samples stored",
            beside.rate,
            "files/s",
            against="the same, empty",
            reference=alone.rate,
            goal=Goal("≥", 0.9),
        )
        session.corpora.drop(workload)
