"""An installation with a row of every model, and the address of every page of the staff site.

Every text that a device or a member of staff can set holds ``CANARY``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from alerts.models import Incident, Notification, NotificationItem
from identities import keys
from identities.access_tokens import AccessToken
from identities.audit.models import AuditEvent
from identities.models import Enrolment, Identity, PreSharedKey
from ingest.models import (
    CertificateReassignment,
    DataDeletion,
    DeviceCertificate,
    RegistrationAttempt,
    RetentionPolicy,
    SampleConflict,
)
from tests.analysis.queries.factories import make_block, make_measurement

CANARY = """kanarie"><svg onload=alert(1)>'{{7*7}}"""
FIRST_MS = 1_560_000_000_000


@dataclass
class World:
    """The rows by the label of their model; ``pages`` gives addresses with these rows in them."""

    rows: dict[str, Any] = field(default_factory=dict)
    identity: str = "bed-12"
    series: str = "hr"

    def address(self, pattern: str, value: str = "") -> str:
        """Return the address of a row of this world for a pattern of the URLconf.

        ``value`` stands in place of all parameters, if given.
        """
        label = re.match(r"admin/(\w+)/(\w+)/", pattern)
        row = self.rows.get(".".join(label.groups())) if label else self.rows["ingest.measurement"]
        number = str(row.pk) if row is not None else "1"
        values = {
            "object_id": number,
            "id": number,
            "pk": number,
            "key": str(self.rows["identities.presharedkey"].pk),
            "content_type_id": "1",
            "identity": self.identity,
            "name": self.series,
            "app_label": "identities",
            "url": "nowhere",
        }
        plain = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", pattern).replace("^", "").replace("$", "")
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda match: value or values[match[1]], plain)


def patterns(urls: URLResolver | None = None, before: str = "") -> Iterator[str]:
    """Return every pattern of the staff site's URLconf."""
    for one in (urls or get_resolver("device_endpoint.staff_urls")).url_patterns:
        here = before + str(one.pattern)
        if isinstance(one, URLPattern):
            yield here
        else:
            yield from patterns(one, here)


def make() -> World:
    """Store a row of everything."""
    world = World()
    odd = Identity.objects.create(name=CANARY, description=CANARY)
    plain = Identity.objects.create(name=world.identity, description=CANARY)
    person = User.objects.create(username=CANARY, first_name=CANARY, last_name="l", email=CANARY)
    group = Group.objects.create(name=CANARY)
    for identity, name in ((odd, CANARY), (plain, world.series)):
        world.rows |= _of_devices(identity, name, _key(identity, person))
    token = AccessToken(user=person, note=CANARY)
    token.set_new_secret()
    token.save()
    totp = TOTPDevice.objects.create(user=person, name=CANARY)
    action = AuditEvent.objects.create(
        action="change",
        username=CANARY,
        object_repr=CANARY,
        object_type=CANARY,
        changes={CANARY: [CANARY, CANARY]},
    )
    enrolment = Enrolment.objects.create(name=CANARY, created_by=person)
    PreSharedKey.objects.update(enrolment=enrolment)
    rows = (odd, plain, person, group, token, totp, action, enrolment)
    world.rows |= {row._meta.label_lower: row for row in rows}
    return world


def _key(identity: Identity, person: User) -> PreSharedKey:
    key = PreSharedKey(identity=identity, note=CANARY, created_by=person)
    key.set_new_secret()
    key.uses = 1
    key.save()
    return key


def _of_devices(identity: Identity, name: str, key: PreSharedKey) -> dict[str, Any]:
    now = timezone.now()
    certificates = [
        DeviceCertificate.objects.create(
            identity=identity,
            sha256=hashlib.sha256(f"{identity.name} {number}".encode()).digest(),
            der=b"der",
            subject=f"CN={CANARY}",
            key_type="EC P-256",
            not_before=now - timedelta(days=1),
            not_after=now + timedelta(days=9),
            label=CANARY,
            bound_with=key,
            state_reason=CANARY,
        )
        for number in range(2)
    ]
    errors = [{"line": 1, "column": 1, "got": CANARY, "hint": CANARY}]
    make_block(identity, name, [(FIRST_MS, 60.0), (FIRST_MS + 1000, 61.0)])
    measurement = make_measurement(
        certificates[0],
        CANARY.encode() + identity.name.encode(),
        name,
        filename=CANARY,
        content_type=CANARY,
        status="rejected",
        errors=errors,
    )
    rows = (
        key,
        certificates[0],
        measurement,
        RegistrationAttempt.objects.create(
            outcome="psk_unknown",
            sha256=b"x" * 32,
            psk_hint=keys.hint(keys.generate("dpsk_")),
            identity=identity,
            request_id=CANARY,
        ),
        SampleConflict.objects.create(
            identity=identity,
            name=name,
            certificate=certificates[0],
            replaced_certificate=certificates[1],
            measurement_id=measurement.pk,
            replaced=3,
            first_ms=FIRST_MS,
            last_ms=FIRST_MS,
        ),
        DataDeletion.objects.create(
            kind="forget", identity_number=identity.pk, created_by=CANARY, reference=CANARY
        ),
        RetentionPolicy.objects.create(identity=identity, keep_days=90),
        *_alert(identity, name),
        CertificateReassignment.objects.create(
            certificate=certificates[0], created_by=CANARY, reason=CANARY
        ),
    )
    return {row._meta.label_lower: row for row in rows}


def _alert(identity: Identity, name: str) -> tuple[Incident, Notification]:
    incident = Incident.objects.create(
        kind="late", identity=identity, name=name, newest_ms=FIRST_MS
    )
    notice = Notification.objects.create(channel="email", sent_at=timezone.now(), last_error=CANARY)
    NotificationItem.objects.create(
        notification=notice, incident=incident, channel="email", event="late"
    )
    return incident, notice
