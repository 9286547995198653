"""Faults of what the parts share: connections, locks, disks, the clock, the server's mode."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator

import psycopg

from ingest.storage.block_store import series_lock
from tests.fault_injection.fault import Fault, Impossible, NothingThere
from tests.fault_injection.harness import Rig
from tests.fault_injection.mounts import SmallDisk

MAX_SESSIONS = 200
CLOCK_JUMPS_SECONDS = (-3600, 3600, -2 * 86_400, 400 * 86_400, 7)


@contextlib.contextmanager
def _session(rig: Rig, **options: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    try:
        with rig.connect(**options) as session:
            yield session
    except psycopg.OperationalError as error:
        raise NothingThere(str(error)) from error


def _cut(where: str, rig: Rig, chance: random.Random) -> str:
    senders = chance.sample(rig.senders, max(1, len(rig.senders) // 2))
    for sender in senders:
        sender.cuts.append(where)
    return f"{len(senders)} devices cut the {where}"


def _ended_session(rig: Rig, chance: random.Random) -> str:
    with _session(rig) as session:
        ended = session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    return f"{len(ended)} sessions ended"


def _exhausted(rig: Rig, chance: random.Random) -> str:
    with contextlib.ExitStack() as held:
        with contextlib.suppress(psycopg.OperationalError):
            for _ in range(MAX_SESSIONS):
                session = held.enter_context(contextlib.closing(rig.connect()))
        if not held._exit_callbacks:  # type: ignore[attr-defined] # no public way to count them
            raise NothingThere
        # The doors have to connect again, and cannot.
        with contextlib.suppress(psycopg.OperationalError):
            session.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = '' AND state = 'idle' AND query LIKE '%ingest_%'"
            )
            time.sleep(0.2)
            for _ in range(MAX_SESSIONS):
                held.enter_context(contextlib.closing(rig.connect()))
        time.sleep(chance.uniform(1.0, 3.0))
    return "all connections taken"


def _held_series(rig: Rig, chance: random.Random) -> str:
    with _session(rig) as session:
        row = session.execute(
            "SELECT id FROM identities_identity ORDER BY random() LIMIT 1"
        ).fetchone()
        if row is None:
            raise NothingThere
        name = chance.choice(["shared", "twin"])
        session.execute("SELECT pg_advisory_lock(%s)", [series_lock(int(str(row[0])), name)])
        time.sleep(chance.uniform(1.5, 3.0))
    return f"lock of {name} held"


def _held_table(rig: Rig, chance: random.Random) -> str:
    table = chance.choice(["ingest_measurement", "ingest_sampleblock", "ingest_devicecertificate"])
    with _session(rig, lock_timeout="5s") as session, session.transaction():
        session.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        time.sleep(chance.uniform(1.5, 3.0))
    return f"{table} locked"


def _column(rig: Rig, chance: random.Random) -> str:
    table = chance.choice(["ingest_measurement", "ingest_sampleblock"])
    with _session(rig, lock_timeout="2s") as session:
        try:
            session.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS spare text")
            time.sleep(chance.uniform(0.5, 1.5))
        finally:
            with contextlib.suppress(psycopg.OperationalError):
                session.execute(f"ALTER TABLE {table} DROP COLUMN IF EXISTS spare")
    return f"column of {table} added and dropped"


def _read_only(rig: Rig, chance: random.Random) -> str:
    with _session(rig, default_transaction_read_only="off") as session:
        try:
            session.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            session.execute("SELECT pg_reload_conf()")
            time.sleep(chance.uniform(1.0, 3.0))
        finally:
            session.execute("ALTER SYSTEM RESET default_transaction_read_only")
            session.execute("SELECT pg_reload_conf()")
    return "default_transaction_read_only"


def _full(disk: SmallDisk, rig: Rig, chance: random.Random) -> str:
    if disk.trouble:
        raise Impossible(disk.trouble)
    disk.fill()
    try:
        time.sleep(chance.uniform(2.0, 4.0))
    finally:
        disk.free()
    return f"{disk.path.name} full"


def _clock(rig: Rig, chance: random.Random) -> str:
    if rig.clock.trouble:
        raise Impossible(rig.clock.trouble)
    seconds = chance.choice(CLOCK_JUMPS_SECONDS)
    rig.clock.set(seconds)
    try:
        time.sleep(chance.uniform(2.0, 4.0))
    finally:
        rig.clock.set(0)
    return f"clock {seconds:+d} s and back"


FAULTS = (
    Fault("cut in mid-body", lambda rig, chance: _cut("upload", rig, chance)),
    Fault("cut before the answer", lambda rig, chance: _cut("answer", rig, chance)),
    Fault("end all sessions", _ended_session),
    Fault("exhaust connections", _exhausted),
    Fault("hold the lock of a series", _held_series),
    Fault("lock a table", _held_table),
    Fault("migrate a table", _column),
    Fault("database read-only", _read_only),
    Fault("disk of the database full", lambda rig, chance: _full(rig.disk, rig, chance)),
    Fault("disk of nginx full", lambda rig, chance: _full(rig.body_disk, rig, chance)),
    Fault("clock jumps", _clock),
)
