"""Collectors for ``/metrics``: the services' counters, and gauges of the current state.

Gauges are queried from the database and from nginx and cached, so that frequent scrapes cause no
load. A gauge that cannot be queried is left out; the counters are exported all the same.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from django.db import Error
from django.db.models import Count, Q
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from alerts.models import Incident, MonitorHeartbeat, Notification
from analysis.queries import read_database
from device_endpoint import health, local_probe, replica
from device_endpoint.env import metrics_folder
from identities.models import Identity
from ingest.models import DeviceCertificate
from ingest.models.certificates import EXPIRES_SOON

CACHE_TTL_SECONDS = 10.0
# A query is repeated only after this many times its own duration.
PAUSE_PER_DURATION = 20.0
SERVICES = ("device", "staff")
MAX_READ_ATTEMPTS = 3

# Former name to current name. A former name is exported for one release.
RENAMED_METRICS = {
    "device_endpoint_late_devices": "device_endpoint_overdue_devices",
    "device_endpoint_notices_waiting": "device_endpoint_notifications_pending",
    "device_endpoint_watch_age_seconds": "device_endpoint_monitoring_age_seconds",
}
_FORMER_NAMES = {name: former for former, name in RENAMED_METRICS.items()}


class ServiceCounters(Collector):
    """Sums of the counters of all processes of both services, including ended processes."""

    def collect(self) -> Iterable[Metric]:
        # A service that starts removes its files, possibly just after they were listed.
        for _ in range(MAX_READ_ATTEMPTS - 1):
            try:
                return self._merge()
            except FileNotFoundError:
                continue
        return self._merge()

    def _merge(self) -> Iterable[Metric]:
        folders = (metrics_folder() / service for service in SERVICES)
        files = [str(file) for folder in folders for file in sorted(folder.glob("*.db"))]
        merged: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return merged


class CachedGauges(Collector):
    """The gauges that ``query`` returns, queried again when the cached ones have expired."""

    def __init__(self, query: Callable[[], Iterable[Metric]]) -> None:
        self._query = query
        self._lock = threading.Lock()
        self._expires_at = 0.0
        self._metrics: list[Metric] = []

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            started = time.monotonic()
            if started >= self._expires_at:
                self._metrics = list(self._query())
                ended = time.monotonic()
                pause = max(CACHE_TTL_SECONDS, PAUSE_PER_DURATION * (ended - started))
                self._expires_at = ended + pause
            return self._metrics


def database_gauges() -> Iterator[Metric]:
    """Yield the gauges from the database; none while it is unavailable."""
    try:
        for query in DATABASE_QUERIES:
            gauge = query()
            yield gauge
            if former := _FORMER_NAMES.get(gauge.name):
                yield _deprecated(gauge, former)
    except Error:
        return  # device_endpoint_check_ok reports it


def _deprecated(gauge: Metric, former: str) -> Metric:
    value = gauge.samples[0].value
    return GaugeMetricFamily(former, f"Deprecated: use {gauge.name}.", value=value)


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
        "Bound certificates, by state; `expiring` are live ones that expire within 30 days, "
        "`unreplaced` those that expire soon without a successor.",
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


def _overdue_devices() -> Metric:
    return GaugeMetricFamily(
        "device_endpoint_overdue_devices",
        "Identities without a new sample within the reporting interval and grace period.",
        value=_count_overdue(is_backfilling=False),
    )


def _catching_up_devices() -> Metric:
    return GaugeMetricFamily(
        "device_endpoint_catching_up_devices",
        "Overdue identities that are sending a backlog of files.",
        value=_count_overdue(is_backfilling=True),
    )


def _count_overdue(*, is_backfilling: bool) -> int:
    incidents = Incident.objects.filter(
        kind=Incident.Kind.OVERDUE, ended_at=None, is_backfilling=is_backfilling
    )
    return incidents.values("identity").distinct().count()


def _pending_notifications() -> Metric:
    pending = Notification.objects.filter(sent_at=None, abandoned_at=None, attempts__gt=0)
    return GaugeMetricFamily(
        "device_endpoint_notifications_pending",
        "Notifications whose delivery failed and will be retried.",
        value=pending.count(),
    )


def _monitoring_age() -> Metric:
    last_run_at = (
        MonitorHeartbeat.objects.filter(pk=1).values_list("last_run_at", flat=True).first()
    )
    age = math.inf if last_run_at is None else (datetime.now(UTC) - last_run_at).total_seconds()
    return GaugeMetricFamily(
        "device_endpoint_monitoring_age_seconds",
        "Seconds since the last run of `manage.py monitor_devices`.",
        value=age,
    )


# One SQL statement each.
DATABASE_QUERIES: tuple[Callable[[], Metric], ...] = (
    _certificates,
    _identities,
    _overdue_devices,
    _catching_up_devices,
    _pending_notifications,
    _monitoring_age,
)


def replica_gauges() -> Iterator[Metric]:
    """Yield whether the replica answers and its lag; nothing if none is configured."""
    if not read_database.has_replica():
        return
    up = GaugeMetricFamily("device_endpoint_replica_up", "Whether the replica answers.")
    try:
        lag = replica.measure()
    except Error:
        up.add_metric([], 0)
        yield up
        return
    up.add_metric([], 1)
    yield up
    yield GaugeMetricFamily(
        "device_endpoint_replica_lag_seconds",
        "Age of the last transaction that the replica has replayed; 0 if it has replayed all.",
        value=lag.seconds,
    )
    yield GaugeMetricFamily(
        "device_endpoint_replica_lag_bytes",
        "Bytes of the primary's WAL that the replica has not replayed.",
        value=lag.byte_count,
    )


def readiness_gauges() -> Iterator[Metric]:
    """Yield 1 for each check of ``/readyz`` that passes, 0 for each that fails."""
    family = GaugeMetricFamily(
        "device_endpoint_check_ok", "Whether a check of /readyz passes.", labels=["check"]
    )
    for name, state in health.all_checks().items():
        family.add_metric([name], float(state == health.OK))
    yield family


def server_certificate_gauges() -> Iterator[Metric]:
    """Yield the days until the certificate that nginx serves to devices expires."""
    certificate = local_probe.served_certificate()
    if certificate is not None:
        yield GaugeMetricFamily(
            "device_endpoint_server_certificate_days_left",
            "Days until the server's certificate expires, as nginx serves it.",
            value=(certificate.not_valid_after_utc - datetime.now(UTC)) / timedelta(days=1),
        )
