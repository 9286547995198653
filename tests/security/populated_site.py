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
from analysis.models import Annotation
from identities import keys
from identities.access_tokens import AccessToken
from identities.audit.models import AuditEvent
from identities.models import Enrolment, Identity, PreSharedKey
from identities.studies import Study, StudyIdentity, StudyMember
from ingest.models import (
    CertificateReassignment,
    DataDeletion,
    DeviceCertificate,
    RegistrationAttempt,
    RetentionPolicy,
    SampleConflict,
    StrangerRefusal,
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
        if pattern.startswith("admin/studies/"):
            row = self.rows["identities.study"]
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
        # The order of the apps follows that of the imports.
        here = before + re.sub(r"\(\?P<app_label>[^)]*\)", "<app_label>", str(one.pattern))
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
        world.rows |= rows_of(identity, name, make_key(identity, person))
    token = AccessToken(user=person, note=CANARY)
    token.set_new_secret()
    token.save()
    totp = TOTPDevice.objects.create(user=person, name=CANARY)
    study = Study.objects.create(name=CANARY, description=CANARY)
    taking_part = StudyIdentity.objects.create(study=study, identity=odd, participant_code="k 1")
    member = StudyMember.objects.create(study=study, user=person)
    action = AuditEvent.objects.create(
        action="change",
        username=CANARY,
        object_repr=CANARY,
        object_type=CANARY,
        changes={CANARY: [CANARY, CANARY]},
    )
    enrolment = Enrolment.objects.create(name=CANARY, created_by=person)
    PreSharedKey.objects.update(enrolment=enrolment)
    rows = (odd, plain, person, group, token, totp, action, enrolment, study, taking_part, member)
    world.rows |= {row._meta.label_lower: row for row in rows}
    return world


def make_key(identity: Identity, person: User, note: str = CANARY) -> PreSharedKey:
    key = PreSharedKey(identity=identity, note=note, created_by=person)
    key.set_new_secret()
    key.uses = 1
    key.save()
    return key


def rows_of(identity: Identity, name: str, key: PreSharedKey, text: str = CANARY) -> dict[str, Any]:
    """Store a row of every model of devices; ``text`` is what people and devices set."""
    now = timezone.now()
    certificates = [
        DeviceCertificate.objects.create(
            identity=identity,
            sha256=hashlib.sha256(f"{identity.name} {number}".encode()).digest(),
            der=b"der",
            subject=f"CN={text}",
            key_type="EC P-256",
            not_before=now - timedelta(days=1),
            not_after=now + timedelta(days=9),
            label=text,
            bound_with=key,
            state_reason=text,
        )
        for number in range(2)
    ]
    errors = [{"line": 1, "column": 1, "got": text, "hint": text}]
    make_block(identity, name, [(FIRST_MS, 60.0), (FIRST_MS + 1000, 61.0)])
    measurement = make_measurement(
        certificates[0],
        text.encode() + identity.name.encode(),
        name,
        filename=text,
        content_type=text,
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
            request_id=text,
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
        StrangerRefusal.objects.create(
            sha256=hashlib.sha256(f"stranger {identity.name}".encode()).digest(),
            first_at=now,
            at=now,
            code="certificate_not_bound",
            status=403,
            detail=text,
            user_agent=text,
            request_id=text,
        ),
        Annotation.objects.create(
            identity=identity, name=name, starts_at=now, text=text, created_by=text
        ),
        DataDeletion.objects.create(
            kind="forget", identity_number=identity.pk, created_by=text, reference=text
        ),
        RetentionPolicy.objects.create(identity=identity, keep_days=90),
        *_alert(identity, name, text),
        CertificateReassignment.objects.create(
            certificate=certificates[0], created_by=text, reason=text
        ),
    )
    return {row._meta.label_lower: row for row in rows}


def _alert(identity: Identity, name: str, text: str) -> tuple[Incident, Notification]:
    incident = Incident.objects.create(
        kind="late", identity=identity, name=name, newest_ms=FIRST_MS
    )
    notice = Notification.objects.create(channel="email", sent_at=timezone.now(), last_error=text)
    NotificationItem.objects.create(
        notification=notice, incident=incident, channel="email", event="late"
    )
    return incident, notice
