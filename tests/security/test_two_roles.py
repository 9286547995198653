"""What a role shows in one study, it shows of no other in which the user has a lesser role."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from identities.audit.models import AuditEvent
from identities.models import Enrolment, PreSharedKey
from identities.studies import StudyMember
from ingest.models import DeviceCertificate
from tests.security.populated_site import World
from tests.security.study_world import StudyWorld, make_study_world

DEVICE_NOTE = "left wrist of somebody"


@pytest.fixture
def world(db: None) -> StudyWorld:
    world = make_study_world()
    # A device without a label has the note of its key instead.
    DeviceCertificate.objects.update(label="", replaces=None)
    PreSharedKey.objects.update(note=DEVICE_NOTE)
    return world


def make_manager(world: StudyWorld) -> User:
    """Store a data manager of the other study, who may see its keys."""
    user = User.objects.create(username="dora", is_staff=True)
    StudyMember.objects.create(study=world.other_study, user=user, role="data manager")
    return user


def key_pages(world: World) -> Iterator[tuple[str, str]]:
    """Yield addresses, and what their pages show to users who may see the key of ``world``."""
    rows = world.rows
    key, enrolment = rows["identities.presharedkey"], rows["identities.enrolment"]
    certificate = rows["ingest.devicecertificate"]
    keys, enrolments = "/admin/identities/presharedkey/", "/admin/identities/enrolment/"
    yield keys, f"{keys}{key.pk}/change/"
    yield f"{keys}{key.pk}/change/", key.hint
    yield enrolments, f"{enrolments}{enrolment.pk}/change/"
    yield f"{enrolments}{enrolment.pk}/change/", enrolment.name
    certificates = "/admin/ingest/devicecertificate/"
    yield f"{certificates}{certificate.pk}/change/", key.hint
    yield f"{certificates}{certificate.pk}/device/", DEVICE_NOTE
    attempt = rows["ingest.registrationattempt"]
    attempts, attempt_page = "/admin/ingest/registrationattempt/", f"{attempt.pk}/change/"
    yield attempts, attempt.psk_hint
    yield f"{attempts}{attempt_page}", attempt.psk_hint
    yield f"{attempts}?q={quote(attempt.psk_hint)}", f"{attempts}{attempt_page}"
    yield f"{certificates}?q={key.hint}", f"{certificates}{certificate.pk}/change/"
    overview = "/admin/analysis/overview/"
    yield f"{overview}?q={key.hint}", f"{overview}{world.identity}/"
    yield f"{overview}?q={quote(attempt.psk_hint)}", f"{overview}{world.identity}/"


def find_shown(user: User, world: World) -> set[str]:
    client = Client(headers={"X-Forwarded-Proto": "https"})
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return {
        address
        for address, text in key_pages(world)
        if text in client.get(address, follow=True).content.decode()
    }


@pytest.mark.parametrize("lesser", ["viewer", "analyst"])
def test_keys_are_shown_in_the_study_of_the_role(world: StudyWorld, lesser: str) -> None:
    user = make_manager(world)
    if lesser == "viewer":
        StudyMember.objects.create(study=world.study, user=user, role="viewer")
    else:
        user.groups.add(Group.objects.get(name="analysts"))
    assert find_shown(user, world.others) == {address for address, _ in key_pages(world.others)}
    assert find_shown(user, world.ours) == set()


def test_no_filter_by_study_tells_of_the_lesser_role(world: StudyWorld) -> None:
    """A row of both studies is listed by the role in one, and not shown to be of the other."""
    user = make_manager(world)
    StudyMember.objects.filter(user=user).update(role="study admin")
    StudyMember.objects.create(study=world.study, user=user, role="viewer")
    both = [world.other_study.pk, world.study.pk]
    event = AuditEvent.objects.create(action="comment", object_repr="both", study_ids=both)
    enrolment = Enrolment.objects.get(name="both")
    client = Client(headers={"X-Forwarded-Proto": "https"})
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    for row in (event, enrolment):
        page = f"/admin/identities/{row._meta.model_name}/"
        listed = [
            f"{page}{row.pk}/change/" in client.get(page, query).content.decode()
            for query in ({}, {"study": world.other_study.pk}, {"study": world.study.pk})
        ]
        assert listed == [True, True, False], page


def test_superusers_are_shown_all_keys(world: StudyWorld) -> None:
    boss = User.objects.create(username="boss", is_staff=True, is_superuser=True)
    for each in (world.ours, world.others):
        assert find_shown(boss, each) == {address for address, _ in key_pages(each)}
