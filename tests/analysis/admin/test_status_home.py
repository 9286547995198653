"""The first page of the staff site says what needs attention, and what is not monitored."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts.models import Incident, MonitorHeartbeat
from analysis.queries import attention
from identities.cluster import is_cluster
from identities.models import Identity
from identities.studies import Study, StudyIdentity, StudyMember
from ingest.models import CertificateRefusal, MeasurementType, StrangerRefusal
from tests.analysis.admin.test_overview import make_identity
from tests.analysis.queries.factories import make_analyst, make_measurement

HOME = "/admin/"


@pytest.fixture
def analyst(db: None) -> Client:
    client = Client()
    client.force_login(make_analyst())
    return client


def sign_in(**attributes: Any) -> tuple[Client, Any]:
    user = get_user_model().objects.create_user("staff", is_staff=True, **attributes)
    client = Client()
    client.force_login(user)
    return client, user


def text(client: Client) -> str:
    """Return the page without tags, with single spaces."""
    content = client.get(HOME).content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", content))


def test_the_site_and_a_login_lead_to_it(analyst: Client) -> None:
    assert analyst.get("/").headers["Location"] == HOME
    assert "Needs attention" in text(analyst)


def test_each_reason_names_its_identity_and_remedy(analyst: Client) -> None:
    failing = make_identity("failing")
    file = make_measurement(failing.certificates.get(), b"x", status="rejected")
    overdue = make_identity("overdue", hours_ago=30)
    newest = int((timezone.now() - timedelta(hours=30)).timestamp() * 1000)
    Incident.objects.create(kind="late", identity=overdue, name="hr", newest_ms=newest)
    refused = make_identity("refused").certificates.get()
    CertificateRefusal.objects.create(
        certificate=refused, at=timezone.now(), code="certificate_revoked", status=403
    )
    expiring = make_identity("expiring", days_left=10).certificates.get()
    page = analyst.get(HOME).content.decode()
    device = "/admin/ingest/devicecertificate/{}/device/".format
    for reason, name, url in (
        ("file rejected", "failing", f"/admin/ingest/measurement/{file.pk}/change/"),
        ("overdue", "overdue", "/admin/analysis/overview/overdue/"),
        ("requests refused", "refused", device(refused.pk)),
        (
            "certificate expires",
            "expiring",
            device(expiring.pk),
        ),
    ):
        row = next(part for part in page.split("<tr>") if f'href="{url}' in part)
        assert reason in row
        assert f">{name}</a>" in row
    assert "certificate_revoked" in page
    assert ">1 d ago</time>" in page


def test_counts_by_state_are_shown(analyst: Client) -> None:
    make_identity("a")
    make_identity("b", hours_ago=30)
    make_identity("c", hours_ago=30)
    assert re.search(r"stale 2\b", text(analyst))
    assert re.search(r"up to date 1\b", text(analyst))
    assert re.search(r"inactive 0\b", text(analyst))


def test_too_many_identities_have_no_counts(
    analyst: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "MAX_IDENTITIES_COUNTED", 1)
    make_identity("a")
    make_identity("b")
    assert re.search(r"stale \D", text(analyst))
    assert not re.search(r"up to date \d", text(analyst))


def test_what_is_not_monitored_is_said(analyst: Client) -> None:
    MonitorHeartbeat.objects.create(pk=1, last_run_at=timezone.now())
    assert "No device is registered yet." in text(analyst)
    first = make_identity("a")
    make_identity("b")
    shown = text(analyst)
    assert "Not monitored: no identity has a reporting interval." in shown
    assert "overdue not monitored" in shown
    assert "identities are overdue" not in shown
    Identity.objects.filter(pk=first.pk).update(reporting_interval=timedelta(hours=1))
    shown = text(analyst)
    assert "1 of 2 identities with a device is not monitored." in shown
    assert re.search(r"overdue 0\b", shown)
    MeasurementType.objects.filter(pattern__startswith="hr").delete()
    MeasurementType.objects.create(pattern="h*", reporting_interval=timedelta(hours=1))
    assert "not monitored" not in text(analyst)
    # A more specific type without an interval does not hide it.
    MeasurementType.objects.create(pattern="hr")
    assert "not monitored" not in text(analyst)


def test_a_device_that_registered_since_is_no_stranger(analyst: Client) -> None:
    registered = make_identity("a").certificates.get()
    now = timezone.now()
    for sha256 in (bytes(registered.sha256), b"\x01" * 32):
        StrangerRefusal.objects.create(sha256=sha256, first_at=now, at=now, status=403)
    assert "1 device that is not registered was refused within a day" in text(analyst)
    listed = analyst.get("/admin/ingest/strangerrefusal/", {"registered": "no"}).content.decode()
    assert "0101 0101" in listed
    assert "1 refusal of an unregistered device" in listed


def test_a_study_s_reporting_interval_monitors_its_identities(analyst: Client) -> None:
    MonitorHeartbeat.objects.create(pk=1, last_run_at=timezone.now())
    study = Study.objects.create(name="sleep", reporting_interval=timedelta(hours=1))
    site = Study.objects.create(name="sleep, north", parent=study)
    StudyIdentity.objects.create(study=site, identity=make_identity("a"))
    assert "not monitored" not in text(analyst)
    make_identity("b")
    assert "1 of 2 identities with a device is not monitored." in text(analyst)


def test_monitoring_that_stopped_is_said(analyst: Client) -> None:
    assert "Monitoring is not running." in text(analyst)
    MonitorHeartbeat.objects.create(pk=1, last_run_at=timezone.now() - timedelta(hours=1))
    assert "Monitoring has stopped: it last ran at" in text(analyst)
    MonitorHeartbeat.objects.update(last_run_at=timezone.now())
    assert "0 identities are overdue" in text(analyst)


def test_the_installation_is_shown_to_those_who_see_all(analyst: Client) -> None:
    assert "uploads pause below" in text(analyst)
    assert "Database: superuser: none yet" in text(analyst)
    assert "checks everything" not in text(analyst)
    superuser, _ = sign_in(is_superuser=True)
    assert "Database: answers, commits are durable" in text(superuser)
    assert "checks everything" in text(superuser)


def test_a_member_of_a_study_sees_its_identities_only(db: None) -> None:
    client, user = sign_in()
    study = Study.objects.create(name="A")
    StudyMember.objects.create(study=study, user=user, role="viewer")
    seen, hidden = make_identity("seen"), make_identity("hidden")
    StudyIdentity.objects.create(study=study, identity=seen)
    for identity in (seen, hidden):
        make_measurement(identity.certificates.get(), b"x", status="rejected")
    page = text(client)
    assert "seen" in page
    assert "hidden" not in page
    assert re.search(r"failing 1\b", page)
    assert "Database" not in page
    assert "pause below" not in page


def test_it_is_narrowed_to_a_study(db: None) -> None:
    client, user = sign_in()
    assert "<select" not in client.get(HOME).content.decode()  # without studies, as before
    studies = [Study.objects.create(name=name) for name in "AB"]
    for study in studies:
        StudyMember.objects.create(study=study, user=user, role="viewer")
        identity = make_identity(f"of-{study.name}", hours_ago=30)
        make_measurement(identity.certificates.get(), b"x", status="rejected")
        StudyIdentity.objects.create(study=study, identity=identity)
    assert "of-A" in text(client)
    assert "of-B" in text(client)
    page = client.get(f"{HOME}?study={studies[0].pk}").content.decode()
    assert "of-A" in page
    assert "of-B" not in page
    assert f"/admin/analysis/overview/?state=stale&amp;study={studies[0].pk}" in page


def test_statements_do_not_grow_with_the_identities(analyst: Client) -> None:
    make_identity("a")
    text(analyst)
    with CaptureQueriesContext(
        connection,
    ) as few:
        text(analyst)
    for number in range(20):
        identity = make_identity(f"b{number}", hours_ago=30)
        make_measurement(identity.certificates.get(), b"x", status="rejected")
    with CaptureQueriesContext(connection) as many:
        text(analyst)
    assert len(many) <= len(few) + 1
    assert len(many) <= (
        50 if is_cluster() else 40
    )  # the state of the database is that of each node
