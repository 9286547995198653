"""Members of a study act in it only: whatever they send to a row of another study is refused.

The answers are those to a row that does not exist; the same sent to a row of their own does
something, which is how the test knows that it sends what the pages expect.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

from identities.admin.visible_rows import StudyFilter
from identities.audit.models import AuditEvent
from identities.models import Identity
from identities.studies import Study, StudyIdentity, StudyMember
from tests.security.populated_site import World, patterns
from tests.security.study_world import CANARY, Answer, StudyWorld, ask, make_study_world
from tests.security.test_study_wall import client_of

LISTS = (
    "analysis/annotation", "analysis/overview", "analysis/series", "alerts/incident",
    "alerts/notification", "identities/auditevent", "identities/enrolment",
    "identities/identity", "identities/presharedkey", "identities/studyidentity",
    "identities/studymember", "ingest/devicecertificate", "ingest/measurement",
    "ingest/registrationattempt", "ingest/sampleconflict",
)  # fmt: skip
# Pages of the registry that are no lists of a model's rows.
OWN_PAGES = {"analysis/overview", "analysis/series"}
# The names of studies that can be chosen.
CHOICES = re.compile(r'<nav id="changelist-filter".*?</nav>|<option.*?</option>', re.DOTALL)
# Forms and actions that are tried with rows of their own study.
ENOUGH = 10
# What confirmation pages ask for.
FIELDS = {"post": "yes", "confirm": "yes", "reason": "a reason", "action": "confirm"}


@pytest.fixture
def world(db: None, caplog: pytest.LogCaptureFixture) -> StudyWorld:
    caplog.set_level(logging.CRITICAL, "django.request")
    return make_study_world()


def acts(world: World) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield address and fields of every form about a row, and of every action of every list."""
    for pattern in sorted(set(patterns())):
        is_form = pattern.startswith("admin/") and "history" not in pattern
        if is_form and ("<" in pattern or "?P" in pattern):
            yield world.address(pattern), FIELDS
    for model, page in admin.site._registry.items():
        label = model._meta
        if label.label_lower not in world.rows:
            continue  # what has no row in a study
        names = [getattr(action, "__name__", action) for action in page.actions or ()]
        for name in ("delete_selected", *names):
            chosen = {"action": name, "_selected_action": str(world.rows[label.label_lower].pk)}
            yield f"/admin/{label.app_label}/{label.model_name}/", FIELDS | chosen


def test_no_form_or_action_reaches_another_study(world: StudyWorld) -> None:
    client, texts, reached = client_of(world, "study admin"), world.texts(), 0

    def send(address: str, fields: dict[str, Any]) -> Answer:
        return ask(client, "POST", address, fields).without(texts)

    for (ours, own), (theirs, other), (nowhere, missing) in zip(
        acts(world.ours), acts(world.others), acts(world.missing), strict=True
    ):
        if (theirs, other) == (nowhere, missing):
            continue
        refused = send(nowhere, missing)
        assert send(theirs, other) == refused, (theirs, other)
        if reached < ENOUGH:
            reached += send(ours, own).status != refused.status
    assert reached == ENOUGH


def test_every_list_with_a_filter_by_study_is_tried(world: StudyWorld) -> None:
    request = RequestFactory().get("/")
    request.user = world.people["study admin"]
    filtered = {
        f"{model._meta.app_label}/{model._meta.model_name}"
        for model, page in admin.site._registry.items()
        if any(
            isinstance(each, type) and issubclass(each, StudyFilter)
            for each in page.get_list_filter(request)
        )
    }
    assert filtered | OWN_PAGES == set(LISTS)


def test_each_list_is_narrowed_to_a_study(world: StudyWorld) -> None:
    client = Client(headers={"X-Forwarded-Proto": "https"})
    boss = User.objects.create(username="boss", is_staff=True, is_superuser=True)
    client.force_login(boss, backend="django.contrib.auth.backends.ModelBackend")
    for page in LISTS:
        whole, part = (
            CHOICES.sub("", ask(client, "GET", f"/admin/{page}/{query}").body)
            for query in ("", f"?study={world.study.pk}")
        )
        assert CANARY in whole, page
        assert CANARY not in part, page


def test_a_move_to_another_study_is_in_both_audit_logs(world: StudyWorld) -> None:
    user, second = world.people["study admin"], Study.objects.create(name="second")
    StudyMember.objects.create(study=second, user=user, role="study admin")
    client = client_of(world, "study admin")
    row: StudyIdentity = world.ours.rows["identities.studyidentity"]
    fields = {"study": str(second.pk), "identity": str(row.identity_id)}
    assert client.post("/admin/identities/studyidentity/add/", fields).status_code == 302
    address = f"/admin/identities/studyidentity/{row.pk}/delete/"
    assert client.post(address, {"post": "yes"}).status_code == 302
    identity = Identity.objects.get(pk=row.identity_id)
    assert [*identity.studies.all()] == [second]
    events = AuditEvent.objects.filter(
        username=user.username, object_type="identities.studyidentity"
    )
    by_action = {event.action: event for event in events}
    assert by_action.keys() == {"add", "delete"}
    for study in (world.study, second):
        assert any(study.pk in event.study_ids for event in by_action.values())
