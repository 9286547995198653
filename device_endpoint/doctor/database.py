"""Check the database (connection, migrations, durability, version, clock, replica) and its keys."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import Error, connection
from django.utils import timezone

from analysis.queries import read_database
from device_endpoint import health, replica
from device_endpoint.doctor.results import Finding, fail, ok, warn
from identities.models import PreSharedKey
from ingest.models import DeviceCertificate
from ingest.models.certificates import EXPIRES_SOON
from ingest.storage import cluster
from ingest.storage.cluster import NodeAnswer

MIN_MAJOR_VERSION = 15
_VERSIONS = """
SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), '.', 1) || ', Citus ' ||
       coalesce((SELECT extversion FROM pg_extension WHERE extname = 'citus'), 'missing')
"""
CLOCK_WARN_SECONDS = 2.0
CLOCK_FAIL_SECONDS = 60.0
LAG_WARN_SECONDS = 60.0
UNUSED_FOR = timedelta(days=30)
REMEDIES = {
    "database": "start it with `make up`, or set DATABASE_URL",
    "migrations": "run manage.py migrate",
    "superuser": "run manage.py createsuperuser",
    "durability": "turn fsync, full_page_writes and synchronous_commit on in PostgreSQL",
    "nodes": "start the PostgreSQL of these nodes, or free their disks",
}


def run() -> list[Finding]:
    """Return the findings on the database; only that it does not answer if it does not."""
    findings = [
        ok(name, "good") if state == health.OK else fail(name, state, REMEDIES[name])
        for name, state in health.database_checks().items()
    ]
    if any(finding.name == "database" and finding.level == "FAIL" for finding in findings):
        return findings
    try:
        return [
            *findings,
            *_check_durability_setting(),
            check_version(_major_version()),
            *check_node_versions(cluster.ask_all_nodes(_VERSIONS)),
            _compare_clocks(),
            *_check_replica(),
        ]
    except Error as error:
        return [*findings, fail("database", str(error).split("\n")[0], REMEDIES["database"])]


def check_version(major: int) -> Finding:
    if major < MIN_MAJOR_VERSION:
        remedy = f"use PostgreSQL {MIN_MAJOR_VERSION} or newer"
        return fail("version", f"PostgreSQL {major}", remedy)
    return ok("version", f"PostgreSQL {major}")


def check_node_versions(answers: Sequence[NodeAnswer]) -> list[Finding]:
    """Judge the versions of a cluster's nodes, which must be the same."""
    found: dict[str, list[str]] = {}
    for answer in answers:
        if answer.text:
            found.setdefault(answer.text, []).append(answer.node)
    if not found:
        return []
    text = "; ".join(f"{version}: {', '.join(nodes)}" for version, nodes in sorted(found.items()))
    if len(found) == 1:
        return [ok("node versions", text)]
    return [fail("node versions", text, "run the same PostgreSQL and Citus on all nodes")]


def check_clock(ahead_seconds: float) -> Finding:
    """Judge by how many seconds the database's clock is ahead of this machine's."""
    text = (
        f"the database's is {abs(ahead_seconds):.1f} s {'ahead' if ahead_seconds > 0 else 'behind'}"
    )
    remedy = "synchronise both machines by NTP (chrony, systemd-timesyncd)"
    if abs(ahead_seconds) > CLOCK_FAIL_SECONDS:
        return fail("clock", text, remedy)
    if abs(ahead_seconds) > CLOCK_WARN_SECONDS:
        return warn("clock", text, remedy)
    return ok("clock", "the database's agrees with this machine's")


def _major_version() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        return int(cursor.fetchone()[0]) // 10_000


def _check_durability_setting() -> list[Finding]:
    if settings.DURABILITY_CHECK == "refuse":
        return []
    return [warn("durability check", "off (DURABILITY_CHECK=warn)", "only for managed engines")]


def _check_replica() -> list[Finding]:
    if not read_database.has_replica():
        return []
    remedy = "see its log, or unset ANALYTICS_DATABASE_URL until it is back"
    try:
        lag = replica.measure()
    except Error as error:
        return [fail("replica", f"analysts receive 503: {str(error).splitlines()[0]}", remedy)]
    return [check_lag(lag)]


def check_lag(lag: replica.Lag) -> Finding:
    if not lag.is_standby:
        remedy = "name a standby in ANALYTICS_DATABASE_URL"
        return warn("replica", "it is not a standby: new data may never reach it", remedy)
    if lag.seconds > LAG_WARN_SECONDS:
        remedy = "see pg_stat_replication on the primary and the log of the replica"
        return warn("replica", f"{lag}, {lag.byte_count:,} bytes", remedy)
    return ok("replica", str(lag))


def _compare_clocks() -> Finding:
    before = time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        there = float(cursor.fetchone()[0])
    return check_clock(there - (before + time.time()) / 2)


def check_credentials() -> list[Finding]:
    """Return the findings on unused pre-shared keys and expiring device certificates."""
    return [_check_keys(), _check_certificates()]


def _check_keys() -> Finding:
    created_before = timezone.now() - UNUSED_FOR
    count = PreSharedKey.objects.usable().filter(uses=0, created_at__lt=created_before).count()
    if count:
        text = f"{count} usable and unused for more than {UNUSED_FOR.days} days"
        return warn("keys", text, "revoke those that no device will use (/admin/)")
    return ok("keys", "none unused for long")


def _check_certificates() -> Finding:
    now = timezone.now()
    expiring = DeviceCertificate.objects.filter(
        state=DeviceCertificate.State.ACTIVE,
        identity__is_active=True,
        not_after__gt=now,
        not_after__lt=now + EXPIRES_SOON,
    )
    # Not reported if the identity has another certificate that is valid for longer.
    count = expiring.exclude(identity__certificates__not_after__gt=now + EXPIRES_SOON).count()
    if count:
        text = f"{count} expire within {EXPIRES_SOON.days} days"
        return warn("device certificates", text, "let these devices register with a new one")
    return ok("device certificates", "none expires soon")
