"""Faults of shared resources: connections, locks, disks, the clock, the server's mode."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator

import psycopg

from ingest.storage.block_store import series_lock
from tests.fault_injection.fault import Fault, FaultNotSupported, TargetMissing
from tests.fault_injection.harness import Harness
from tests.fault_injection.mounts import SmallDisk

MAX_SESSIONS = 200
CLOCK_JUMPS_SECONDS = (-3600, 3600, -2 * 86_400, 400 * 86_400, 7)


@contextlib.contextmanager
def _session(harness: Harness, **options: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    try:
        with harness.connect(**options) as session:
            yield session
    except psycopg.OperationalError as error:
        raise TargetMissing(str(error)) from error


def _cut_connections(where: str, harness: Harness, rng: random.Random) -> str:
    senders = rng.sample(harness.senders, max(1, len(harness.senders) // 2))
    for sender in senders:
        sender.cuts.append(where)
    return f"{len(senders)} devices cut the {where}"


def _end_sessions(harness: Harness, rng: random.Random) -> str:
    with _session(harness) as session:
        ended = session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    return f"{len(ended)} sessions ended"


def _exhaust_connections(harness: Harness, rng: random.Random) -> str:
    with contextlib.ExitStack() as held:
        with contextlib.suppress(psycopg.OperationalError):
            for _ in range(MAX_SESSIONS):
                session = held.enter_context(contextlib.closing(harness.connect()))
        if not held._exit_callbacks:  # type: ignore[attr-defined] # no public way to count them
            raise TargetMissing
        # Both services must reconnect, and cannot.
        with contextlib.suppress(psycopg.OperationalError):
            session.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = '' AND state = 'idle' AND query LIKE '%ingest_%'"
            )
            time.sleep(0.2)
            for _ in range(MAX_SESSIONS):
                held.enter_context(contextlib.closing(harness.connect()))
        time.sleep(rng.uniform(1.0, 3.0))
    return "all connections taken"


def _hold_series_lock(harness: Harness, rng: random.Random) -> str:
    with _session(harness) as session:
        row = session.execute(
            "SELECT id FROM identities_identity ORDER BY random() LIMIT 1"
        ).fetchone()
        if row is None:
            raise TargetMissing
        name = rng.choice(["shared", "twin"])
        session.execute("SELECT pg_advisory_lock(%s)", [series_lock(int(str(row[0])), name)])
        time.sleep(rng.uniform(1.5, 3.0))
    return f"lock of {name} held"


def _lock_table(harness: Harness, rng: random.Random) -> str:
    table = rng.choice(["ingest_measurement", "ingest_sampleblock", "ingest_devicecertificate"])
    with _session(harness, lock_timeout="5s") as session, session.transaction():
        session.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        time.sleep(rng.uniform(1.5, 3.0))
    return f"{table} locked"


def _migrate_table(harness: Harness, rng: random.Random) -> str:
    table = rng.choice(["ingest_measurement", "ingest_sampleblock"])
    with _session(harness, lock_timeout="2s") as session:
        try:
            session.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS spare text")
            time.sleep(rng.uniform(0.5, 1.5))
        finally:
            with contextlib.suppress(psycopg.OperationalError):
                session.execute(f"ALTER TABLE {table} DROP COLUMN IF EXISTS spare")
    return f"column of {table} added and dropped"


def _set_read_only(harness: Harness, rng: random.Random) -> str:
    with _session(harness, default_transaction_read_only="off") as session:
        try:
            session.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            session.execute("SELECT pg_reload_conf()")
            time.sleep(rng.uniform(1.0, 3.0))
        finally:
            session.execute("ALTER SYSTEM RESET default_transaction_read_only")
            session.execute("SELECT pg_reload_conf()")
    return "default_transaction_read_only"


def _fill_disk(disk: SmallDisk, harness: Harness, rng: random.Random) -> str:
    if disk.unavailable_reason:
        raise FaultNotSupported(disk.unavailable_reason)
    disk.fill()
    try:
        time.sleep(rng.uniform(2.0, 4.0))
    finally:
        disk.free()
    return f"{disk.path.name} full"


def _shift_clock(harness: Harness, rng: random.Random) -> str:
    if harness.clock.unavailable_reason:
        raise FaultNotSupported(harness.clock.unavailable_reason)
    seconds = rng.choice(CLOCK_JUMPS_SECONDS)
    harness.clock.set(seconds)
    try:
        time.sleep(rng.uniform(2.0, 4.0))
    finally:
        harness.clock.set(0)
    return f"clock {seconds:+d} s and back"


FAULTS = (
    Fault("cut in mid-body", lambda harness, rng: _cut_connections("upload", harness, rng)),
    Fault("cut before the answer", lambda harness, rng: _cut_connections("answer", harness, rng)),
    Fault("end all sessions", _end_sessions),
    Fault("exhaust connections", _exhaust_connections),
    Fault("hold the lock of a series", _hold_series_lock),
    Fault("lock a table", _lock_table),
    Fault("migrate a table", _migrate_table),
    Fault("database read-only", _set_read_only),
    Fault("disk of the database full", lambda harness, rng: _fill_disk(harness.disk, harness, rng)),
    Fault("disk of nginx full", lambda harness, rng: _fill_disk(harness.body_disk, harness, rng)),
    Fault("clock jumps", _shift_clock),
)
