"""What is known of one device: the certificates that it renewed one by another, and their requests.

A device is a line of certificates: each has the one that it replaces, and its successors.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import Count, Max, Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from identities.visibility import Scope
from ingest.models import (
    CertificateRefusal,
    DeviceCertificate,
    DeviceContact,
    Measurement,
    RegistrationAttempt,
    StrangerRefusal,
)
from ingest.uuid7 import uuid7_floor

DAYS_SHOWN = 30
MAX_CERTIFICATES = 100
MAX_ATTEMPTS = 5
MAX_LATEST_FILES = 20
# A smaller difference is the time that requests take.
MIN_OFFSET_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Day:
    """The uploads of one UTC day; ``size`` in bytes."""

    day: date
    files: int = 0
    rejected: int = 0
    samples: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """The device's clock minus ours; ``source`` is header, sample or certificate.

    A sample or certificate that is ahead of our clock says how far the clock is ahead at least.
    """

    seconds: int
    at: datetime
    source: str

    @property
    def is_wrong(self) -> bool:
        return abs(self.seconds) > MIN_OFFSET_SECONDS


@dataclass(frozen=True, slots=True)
class DeviceHistory:
    """``line`` holds the certificates, oldest first; ``current`` is the live one, else the last."""

    line: list[DeviceCertificate]
    current: DeviceCertificate
    is_live: bool
    contact: DeviceContact | None
    refusal: CertificateRefusal | None
    stranger: StrangerRefusal | None
    attempts: list[RegistrationAttempt]
    days: list[Day]
    last_upload_at: datetime | None
    clock: ClockOffset | None
    note: str

    @property
    def label(self) -> str:
        """Return the newest label of the line, else the note of the key of its registration."""
        labels = [each.label for each in reversed(self.line) if each.label]
        return labels[0] if labels else self.note

    @property
    def user_agent(self) -> str:
        newest = max(self._contacts(), key=lambda each: each[0], default=None)
        return newest[1] if newest else ""

    @property
    def last_seen_at(self) -> datetime | None:
        times = [at for at, _ in self._contacts()]
        if self.last_upload_at is not None:
            times.append(self.last_upload_at)
        return max(times, default=None)

    @property
    def is_failing(self) -> bool:
        """Whether the last recorded request was refused."""
        if self.refusal is None:
            return False
        contact_at = None if self.contact is None else self.contact.at
        accepted = [self.last_upload_at, contact_at, self.current.bound_at]
        return all(at is None or at < self.refusal.at for at in accepted)

    def _contacts(self) -> list[tuple[datetime, str]]:
        rows = (self.contact, self.refusal)
        found = [(row.at, row.user_agent) for row in rows if row is not None]
        found += [(attempt.created_at, attempt.user_agent) for attempt in self.attempts]
        return [each for each in found if each[1]] or found


def read_history(
    certificate: DeviceCertificate,
    scope: Scope,
    key_scope: Scope,
    *,
    with_attempts: bool,
    with_files: bool,
) -> DeviceHistory:
    """Return what ``scope`` may see of the device that has ``certificate``.

    The note of its key is in it if ``key_scope`` has the key's identity.
    """
    now = timezone.now()
    line = find_line(certificate, scope)
    pks = [each.pk for each in line]
    fingerprints = [bytes(each.sha256) for each in line]
    live = {*DeviceCertificate.objects.live(now).filter(pk__in=pks).values_list("pk", flat=True)}
    current = next((each for each in reversed(line) if each.pk in live), line[-1])
    attempts = RegistrationAttempt.objects.filter(sha256__in=fingerprints).select_related(
        "identity"
    )
    contact = DeviceContact.objects.filter(certificate__in=pks).order_by("-at").first()
    refusal = CertificateRefusal.objects.filter(certificate__in=pks).order_by("-at").first()
    latest = _list_latest_files(line, now) if with_files else []
    key = line[0].bound_with
    return DeviceHistory(
        line=line,
        current=current,
        is_live=current.pk in live and current.identity.is_active,
        contact=contact,
        refusal=refusal,
        stranger=StrangerRefusal.objects.filter(sha256__in=fingerprints).order_by("-at").first(),
        attempts=list(scope.filter(attempts).order_by("-created_at")[:MAX_ATTEMPTS])
        if with_attempts
        else [],
        days=_count_days(line, now) if with_files else [],
        last_upload_at=latest[0][0] if latest else _find_last_upload(line) if with_files else None,
        clock=_find_offset(line, contact, refusal, latest),
        note=key.note if key is not None and key_scope.has(key.identity_id) else "",
    )


def find_line(certificate: DeviceCertificate, scope: Scope) -> list[DeviceCertificate]:
    """Return the certificates of the device in ``scope``, oldest first."""
    rows = DeviceCertificate.objects.select_related("identity", "bound_with").defer("der")
    found = {certificate.pk: certificate}
    before = certificate.replaces_id
    while before is not None and before not in found and len(found) < MAX_CERTIFICATES:
        row = rows.filter(pk=before).first()
        if row is None:
            break
        found[row.pk] = row
        before = row.replaces_id
    newest = [*found]
    while newest and len(found) < MAX_CERTIFICATES:
        new = {row.pk: row for row in rows.filter(replaces_id__in=newest) if row.pk not in found}
        found |= new
        newest = [*new]
    identities = {row.identity_id for row in found.values()}
    visible = {each for each in identities if scope.has(each)}
    line = [row for row in found.values() if row.identity_id in visible]
    return sorted(line, key=lambda row: (row.bound_at, row.pk))


def files_of(line: list[DeviceCertificate]) -> Q:
    """Return the condition on files that these certificates sent them."""
    # The identity first, as the indexes have it.
    return Q(
        identity_id__in={each.identity_id for each in line},
        certificate_id__in=[each.pk for each in line],
    )


def _count_days(line: list[DeviceCertificate], now: datetime) -> list[Day]:
    """Return the last ``DAYS_SHOWN`` days, days without uploads included."""
    first = now.astimezone(UTC).date() - timedelta(days=DAYS_SHOWN - 1)
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    rows = (
        Measurement.objects.filter(files_of(line), id__gte=uuid7_floor(start))
        .annotate(day=TruncDate("received_at", tzinfo=UTC))
        .values("day")
        .annotate(
            files=Count("id"),
            rejected=Count("id", filter=Q(status=Measurement.Status.REJECTED)),
            samples=Sum("samples"),
            size=Sum("size"),
        )
        .order_by("day")
    )
    found = {row["day"]: Day(**row) for row in rows}
    days = [first + timedelta(days=number) for number in range(DAYS_SHOWN)]
    return [found.get(day, Day(day)) for day in days]


def _list_latest_files(
    line: list[DeviceCertificate], now: datetime
) -> list[tuple[datetime, int | None]]:
    """Return reception and last sample of the latest files, newest first."""
    floor = uuid7_floor(now - timedelta(days=DAYS_SHOWN))
    files = Measurement.objects.filter(files_of(line), id__gte=floor).order_by("-id")
    return list(files.values_list("received_at", "last_ms")[:MAX_LATEST_FILES])


def _find_last_upload(line: list[DeviceCertificate]) -> datetime | None:
    files = Measurement.objects.filter(files_of(line))
    last: datetime | None = files.aggregate(last=Max("received_at"))["last"]
    return last


def _find_offset(
    line: list[DeviceCertificate],
    contact: DeviceContact | None,
    refusal: CertificateRefusal | None,
    latest: list[tuple[datetime, int | None]],
) -> ClockOffset | None:
    """Return the offset by the newest Date header, else by samples or a certificate ahead of us."""
    by_header = [
        ClockOffset(row.clock_offset_seconds, row.at, "header")
        for row in (contact, refusal)
        if row is not None and row.clock_offset_seconds is not None
    ]
    if by_header:
        return max(by_header, key=lambda each: each.at)
    ahead = [
        ClockOffset(round(last_ms / 1000 - at.timestamp()), at, "sample")
        for at, last_ms in latest
        if last_ms is not None and last_ms / 1000 > at.timestamp()
    ]
    if ahead:
        return max(ahead, key=lambda each: each.seconds)
    newest = line[-1]
    seconds = round((newest.not_before - newest.bound_at).total_seconds())
    return ClockOffset(seconds, newest.bound_at, "certificate") if seconds > 0 else None
