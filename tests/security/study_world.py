"""Two studies with a row of every model each: what staff of one may see, and what they may not."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.http.response import HttpResponseBase
from django.test import Client

from identities.audit.models import AuditEvent
from identities.models import Enrolment, Identity, PreSharedKey
from identities.studies import Study, StudyIdentity, StudyMember
from ingest.models import CertificateReassignment
from tests.security.populated_site import World, make_key, rows_of

# In every text of the other study, and in no other.
CANARY = "kanarie"
ROLES = ("viewer", "data manager", "study admin")
# The clock goes on between two answers: times of day and ages differ too.
_TOKENS = re.compile(
    r'name="csrfmiddlewaretoken" value="[^"]+"|"request_id": ?"[^"]+"'
    r"|\b[0-9]{2}:[0-9]{2}(:[0-9]{2})?\b|>[^<>]* ago<|>now<"
)


class Missing:
    """A row that does not exist."""

    def __init__(self, row: Any) -> None:
        self.pk: Any = uuid.UUID(int=7) if isinstance(row.pk, uuid.UUID) else 987_654_321


@dataclass
class StudyWorld:
    """Rows of our study and of the other, and addresses that name nothing."""

    ours: World
    others: World
    missing: World
    study: Study
    other_study: Study
    people: dict[str, User]

    def texts(self) -> set[str]:
        """Return what addresses of the other study's rows and of missing rows say."""
        return {
            text
            for world in (self.others, self.missing)
            for text in (
                world.identity,
                world.series,
                *(str(row.pk) for row in world.rows.values()),
            )
        }


def make_study_world() -> StudyWorld:
    author = User.objects.create(username="author", is_staff=True)
    ours = _make_study("ours", "hr", "plain", author)
    others = _make_study(f"{CANARY}-1", "kanarie-hr", CANARY, author)
    _cross(ours, others, author)
    missing = World({label: Missing(row) for label, row in others.rows.items()}, "nobody", "none")
    study = ours.rows["identities.study"]
    people = {}
    for role in ROLES:
        people[role] = User.objects.create(username=role.replace(" ", "-"), is_staff=True)
        StudyMember.objects.create(study=study, user=people[role], role=role)
    other_study = others.rows["identities.study"]
    return StudyWorld(ours, others, missing, study, other_study, people)


def _make_study(name: str, series: str, text: str, author: User) -> World:
    world = World(identity=name, series=series)
    study = Study.objects.create(name=f"{text} study", description=text)
    identity = Identity.objects.create(name=name, description=text)
    taking_part = StudyIdentity.objects.create(
        study=study, identity=identity, participant_code=text
    )
    staff = User.objects.create(username=f"{text}-staff", is_staff=True)
    member = StudyMember.objects.create(study=study, user=staff, role="study admin")
    enrolment = Enrolment.objects.create(name=f"{text} enrolment", created_by=author)
    key = make_key(identity, author, text)
    PreSharedKey.objects.filter(pk=key.pk).update(enrolment=enrolment)
    event = AuditEvent.objects.create(
        action="change", object_repr=text, changes={"name": [text, text]}, study_ids=[study.pk]
    )
    world.rows = rows_of(identity, series, key, text)
    for row in (study, identity, taking_part, member, enrolment, event):
        world.rows[row._meta.label_lower] = row
    return world


def _cross(ours: World, others: World, author: User) -> None:
    """Let rows of one study refer to rows of the other, as reassignments and lists do."""
    certificate = ours.rows["ingest.devicecertificate"]
    theirs = others.rows["ingest.devicecertificate"]
    reassignment = CertificateReassignment.objects.create(
        certificate=certificate,
        from_identity=others.rows["identities.identity"],
        to_identity=ours.rows["identities.identity"],
        created_by="author",
        reason=CANARY,
    )
    assert CANARY in str(reassignment)
    type(certificate).objects.filter(pk=theirs.pk).update(replaces=certificate)
    ours.rows["ingest.measurement"].certificate = theirs
    ours.rows["ingest.measurement"].save(update_fields=["certificate"])
    conflict = ours.rows["ingest.sampleconflict"]
    conflict.replaced_certificate = theirs
    conflict.save()
    # A list with keys of both, and a notification about both.
    both = Enrolment.objects.create(name="both", created_by=author)
    for world in (ours, others):
        label = world.rows["ingest.devicecertificate"].label
        key = make_key(world.rows["identities.identity"], author, label)
        PreSharedKey.objects.filter(pk=key.pk).update(enrolment=both)
    items = others.rows["alerts.notification"].items
    item = items.get()
    item.pk, item.notification = None, ours.rows["alerts.notification"]
    item.channel = "webhook"
    item.save()
    AuditEvent.objects.create(
        action="comment", object_repr="moved", changes={"identity": ["ours", CANARY]}
    )


def ask(client: Client, method: str, address: str, fields: dict[str, Any] | None = None) -> Answer:
    """Return the answer to a request; nothing of it is kept, neither rows nor session."""
    # Not atomic(): what is to be durable refuses to stand inside another block.
    before, cookies = transaction.savepoint(), deepcopy(client.cookies)
    answer: HttpResponseBase = getattr(client, method.lower())(address, fields or {})
    body = b"".join(answer) if answer.streaming else answer.content  # type: ignore[attr-defined]
    transaction.savepoint_rollback(before)
    client.cookies = cookies
    return Answer(answer.status_code, answer.headers.get("Location", ""), body.decode("latin-1"))


@dataclass(frozen=True)
class Answer:
    status: int
    location: str
    body: str

    def without(self, texts: Collection[str]) -> Answer:
        """Return the answer without ``texts``, which its address may say, and without tokens."""
        words = sorted((text for text in texts if not text.isdigit()), key=len, reverse=True)
        numbers = {text for text in texts if text.isdigit()}

        def strip(text: str) -> str:
            # One expression of all texts would take as long as the page itself.
            for word in words:
                text = text.replace(word, "*")
            return re.sub("[0-9]+", lambda found: "*" if found[0] in numbers else found[0], text)

        return Answer(self.status, strip(self.location), strip(_TOKENS.sub("", self.body)))
