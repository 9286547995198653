"""The database: does it answer, is it complete, durable, new enough, and does it know the time?"""

from __future__ import annotations

import time

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from analysis.queries import read_database
from device_endpoint import health, replica
from device_endpoint.doctor.results import (
    Finding,
    fail,
    ok,
    warn,
)

OLDEST = 15
CLOCK_WARN_SECONDS = 2.0
CLOCK_FAIL_SECONDS = 60.0
LAG_WARN_SECONDS = 60.0
REMEDIES = {
    "database": "start it with `make up`, or set DATABASE_URL",
    "migrations": "run manage.py migrate",
    "superuser": "run manage.py createsuperuser",
    "durability": "switch fsync, full_page_writes and synchronous_commit on in PostgreSQL",
}


def run() -> list[Finding]:
    """Return the findings on the database; only that it is away when it is."""
    found = [
        ok(name, "good") if state == health.OK else fail(name, state, REMEDIES[name])
        for name, state in health.database_checks().items()
    ]
    if any(one.name == "database" and one.level == "FAIL" for one in found):
        return found
    try:
        return [*found, *_durability(), version(_major()), _clock(), *_replica()]
    except (DatabaseError, InterfaceError) as error:
        return [*found, fail("database", str(error).split("\n")[0], REMEDIES["database"])]


def version(major: int) -> Finding:
    """Return whether PostgreSQL ``major`` is new enough."""
    if major < OLDEST:
        remedy = f"use PostgreSQL {OLDEST} or newer"
        return fail("version", f"PostgreSQL {major}", remedy)
    return ok("version", f"PostgreSQL {major}")


def clock(ahead_s: float) -> Finding:
    """Return whether the database's clock, ``ahead_s`` before ours, agrees with it."""
    text = f"the database's is {abs(ahead_s):.1f} s {'ahead' if ahead_s > 0 else 'behind'}"
    remedy = "let both machines take the time from the network (chrony, systemd-timesyncd)"
    if abs(ahead_s) > CLOCK_FAIL_SECONDS:
        return fail("clock", text, remedy)
    if abs(ahead_s) > CLOCK_WARN_SECONDS:
        return warn("clock", text, remedy)
    return ok("clock", "the database's agrees with this machine's")


def _major() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        return int(cursor.fetchone()[0]) // 10_000


def _durability() -> list[Finding]:
    if settings.DURABILITY_CHECK == "refuse":
        return []
    return [warn("durability check", "off (DURABILITY_CHECK=warn)", "only for managed engines")]


def _replica() -> list[Finding]:
    if not read_database.has_replica():
        return []
    remedy = "see its log, or unset ANALYTICS_DATABASE_URL until it is back"
    try:
        lag = replica.measure()
    except (DatabaseError, InterfaceError) as error:
        return [fail("replica", f"analysts are told 503: {str(error).splitlines()[0]}", remedy)]
    return [replica_behind(lag)]


def replica_behind(lag: replica.Lag) -> Finding:
    """Return whether the replica is one, and how far behind."""
    if not lag.is_standby:
        remedy = "name a standby in ANALYTICS_DATABASE_URL"
        return warn("replica", "it is no standby: what devices send may never reach it", remedy)
    if lag.seconds > LAG_WARN_SECONDS:
        remedy = "see pg_stat_replication on the primary and the log of the replica"
        return warn("replica", f"{lag}, {lag.byte_count:,} bytes", remedy)
    return ok("replica", str(lag))


def _clock() -> Finding:
    before = time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        there = float(cursor.fetchone()[0])
    return clock(there - (before + time.time()) / 2)
