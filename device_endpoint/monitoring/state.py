"""How things stand when somebody asks: certificates, identities, readiness, TLS.

Asked of the database and of nginx, and remembered for a while, so that no number of scrapes is a
load. What cannot be had is left out: the counters are shown all the same.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from django.db import DatabaseError, InterfaceError
from django.db.models import Count, Q
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from device_endpoint import health, replica
from device_endpoint.monitoring import served_certificate
from identities.models import Identity
from ingest.models import DeviceCertificate
from ingest.reading import source

EXPIRES_SOON = timedelta(days=30)
FRESH_FOR_S = 10.0
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
                self._fresh_until = ended + max(FRESH_FOR_S, REST * (ended - began))
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
    good = Q(state=DeviceCertificate.State.ACTIVE) & ~Q(
        retires_at__lte=now, retires_at__isnull=False
    )
    states = {
        "live": good & Q(not_after__gte=now),
        "expiring": good & Q(not_after__gte=now, not_after__lt=now + EXPIRES_SOON),
        "expired": good & Q(not_after__lt=now),
        "suspended": suspended,
        "revoked": revoked,
        "retired": retired,
    }
    counted = DeviceCertificate.objects.aggregate(
        **{state: Count("id", filter=condition) for state, condition in states.items()}
    )
    family = GaugeMetricFamily(
        "device_endpoint_certificates",
        "Certificates that are bound, by state; `expiring` are live ones of the next 30 days.",
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


# Each is one statement; further ones (devices that are late, say) are added here.
DATABASE_QUESTIONS: tuple[Callable[[], Metric], ...] = (_certificates, _identities)


def replica_gauges() -> Iterator[Metric]:
    """Yield how far the replica is behind; without one nothing, and 0 up while it is away."""
    if not source.has_replica():
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
    ends = served_certificate.not_after()
    if ends is not None:
        yield GaugeMetricFamily(
            "device_endpoint_server_certificate_days_left",
            "Days until the server's certificate expires, as nginx serves it.",
            value=(ends - datetime.now(UTC)) / timedelta(days=1),
        )
