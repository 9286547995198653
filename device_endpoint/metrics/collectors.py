"""How things stand when somebody asks: certificates, identities, readiness, TLS.

Asked of the database and of nginx, and remembered for a while, so that no number of scrapes is a
load. What cannot be had is left out: the counters are shown all the same.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from django.db import DatabaseError, InterfaceError
from django.db.models import Count, Q
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from alerts.models import Incident, MonitorHeartbeat, Notification
from analysis.queries import read_database
from device_endpoint import health, replica
from device_endpoint.metrics import tls_probe
from identities.models import Identity
from ingest.models import DeviceCertificate
from ingest.models.certificates import EXPIRES_SOON

CACHE_TTL_SECONDS = 10.0
# A question is asked again only after this many times the time that its answer took.
REST = 20.0


class Remembered(Collector):
    """Gauges that ``ask`` gives, asked again when they are no longer fresh."""

    def __init__(self, ask: Callable[[], Iterable[Metric]]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._fresh_until = 0.0
        self._metrics: list[Metric] = []

    def collect(self) -> Iterable[Metric]:
        """Return the gauges."""
        with self._lock:
            began = time.monotonic()
            if began >= self._fresh_until:
                self._metrics = list(self._ask())
                ended = time.monotonic()
                self._fresh_until = ended + max(CACHE_TTL_SECONDS, REST * (ended - began))
            return self._metrics


def database_gauges() -> Iterator[Metric]:
    """Yield what is counted in the database; nothing while it is away."""
    try:
        for question in DATABASE_QUESTIONS:
            yield question()
    except (DatabaseError, InterfaceError):
        return  # device_endpoint_check_ok says so


def _certificates() -> Metric:
    now = datetime.now(UTC)
    revoked = Q(state=DeviceCertificate.State.REVOKED)
    suspended = Q(state=DeviceCertificate.State.SUSPENDED)
    retired = Q(state=DeviceCertificate.State.ACTIVE, retires_at__lte=now)
    live = Q(pk__in=DeviceCertificate.objects.live(now).values("pk"))
    in_service = Q(pk__in=DeviceCertificate.objects.in_service(now).values("pk"))
    expiring = DeviceCertificate.objects.expiring(now).values("pk")
    states = {
        "live": live,
        "expiring": live & Q(not_after__gte=now, not_after__lt=now + EXPIRES_SOON),
        "unreplaced": Q(pk__in=expiring),
        "expired": in_service & Q(not_after__lt=now),
        "suspended": suspended,
        "revoked": revoked,
        "retired": retired,
    }
    counted = DeviceCertificate.objects.aggregate(
        **{state: Count("id", filter=condition) for state, condition in states.items()}
    )
    family = GaugeMetricFamily(
        "device_endpoint_certificates",
        "Certificates that are bound, by state; `expiring` are live ones of the next 30 days, "
        "`unreplaced` those that end soon without a successor.",
        labels=["state"],
    )
    for state in states:
        family.add_metric([state], counted[state])
    return family


def _identities() -> Metric:
    counted = Identity.objects.aggregate(
        active=Count("id", filter=Q(is_active=True)),
        inactive=Count("id", filter=Q(is_active=False)),
    )
    family = GaugeMetricFamily(
        "device_endpoint_identities", "Identities, by state.", labels=["state"]
    )
    for state, count in counted.items():
        family.add_metric([state], count)
    return family


def _late() -> Metric:
    return GaugeMetricFamily(
        "device_endpoint_late_devices",
        "Identities without a new sample within the expected interval and its grace.",
        value=_overdue(is_backfilling=False),
    )


def _catching_up() -> Metric:
    return GaugeMetricFamily(
        "device_endpoint_catching_up_devices",
        "Identities whose newest sample is too old, but whose files come.",
        value=_overdue(is_backfilling=True),
    )


def _overdue(*, is_backfilling: bool) -> int:
    found = Incident.objects.filter(
        kind=Incident.Kind.OVERDUE, ended_at=None, is_backfilling=is_backfilling
    )
    return found.values("identity").distinct().count()


def _notices() -> Metric:
    waiting = Notification.objects.filter(sent_at=None, abandoned_at=None, attempts__gt=0)
    return GaugeMetricFamily(
        "device_endpoint_notices_waiting",
        "Notices that could not be sent yet.",
        value=waiting.count(),
    )


def _watch() -> Metric:
    at = MonitorHeartbeat.objects.filter(pk=1).values_list("last_run_at", flat=True).first()
    return GaugeMetricFamily(
        "device_endpoint_watch_age_seconds",
        "Seconds since `manage.py monitor_devices` last looked who is late.",
        value=math.inf if at is None else (datetime.now(UTC) - at).total_seconds(),
    )


# Each is one statement.
DATABASE_QUESTIONS: tuple[Callable[[], Metric], ...] = (
    _certificates,
    _identities,
    _late,
    _catching_up,
    _notices,
    _watch,
)


def replica_gauges() -> Iterator[Metric]:
    """Yield how far the replica is behind; without one nothing, and 0 up while it is away."""
    if not read_database.has_replica():
        return
    up = GaugeMetricFamily("device_endpoint_replica_up", "Whether the replica answers.")
    try:
        lag = replica.measure()
    except (DatabaseError, InterfaceError):
        up.add_metric([], 0)
        yield up
        return
    up.add_metric([], 1)
    yield up
    yield GaugeMetricFamily(
        "device_endpoint_replica_lag_seconds",
        "Since what the replica has replayed, 0 where that is all.",
        value=lag.seconds,
    )
    yield GaugeMetricFamily(
        "device_endpoint_replica_lag_bytes",
        "Of the primary's log that the replica has not replayed.",
        value=lag.byte_count,
    )


def readiness_gauges() -> Iterator[Metric]:
    """Yield 1 for each check of ``/readyz`` that is passed, 0 for each that is not."""
    family = GaugeMetricFamily(
        "device_endpoint_check_ok", "Whether a check of /readyz is passed.", labels=["check"]
    )
    for name, state in health.all_checks().items():
        family.add_metric([name], float(state == health.OK))
    yield family


def server_certificate_gauges() -> Iterator[Metric]:
    """Yield the days that the certificate which nginx shows to devices has left."""
    ends = tls_probe.not_after()
    if ends is not None:
        yield GaugeMetricFamily(
            "device_endpoint_server_certificate_days_left",
            "Days until the server's certificate expires, as nginx serves it.",
            value=(ends - datetime.now(UTC)) / timedelta(days=1),
        )
