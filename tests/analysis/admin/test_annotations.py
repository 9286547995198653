"""Staff add notes to times of identities and series, find them, and change their own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from analysis.models import Annotation
from identities.audit.models import AuditEvent
from identities.models import Identity
from ingest.models import Series
from ingest.signals import identity_erased
from tests.analysis.queries.factories import make_analyst

LIST = "/admin/analysis/annotation/"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def identity(db: None) -> Identity:
    identity = Identity.objects.create(name="ward3-07")
    Series.objects.create(identity=identity, name="hr")
    return identity


def sign_in(name: str) -> Client:
    client = Client()
    client.force_login(make_analyst(name))
    return client


@pytest.fixture
def analyst(db: None) -> Client:
    return sign_in("ada")


def form(identity: Identity, **changed: Any) -> dict[str, Any]:
    return {
        "identity": identity.pk,
        "name": "hr",
        "starts_at_0": "2026-03-01",
        "starts_at_1": "12:00:00",
        "ends_at_0": "",
        "ends_at_1": "",
        "text": "sensor moved",
        "_save": "Save",
    } | changed


def add(client: Client, identity: Identity, query: str = "", **changed: Any) -> Any:
    return client.post(f"{LIST}add/{query}", form(identity, **changed))


def note(identity: Identity, **fields: Any) -> Annotation:
    values: dict[str, Any] = {"starts_at": NOON, "text": "sensor moved", "created_by": "ada"}
    return Annotation.objects.create(identity=identity, **values | fields)


def test_an_analyst_adds_a_note_from_the_chart(analyst: Client, identity: Identity) -> None:
    page = analyst.get(f"{LIST}add/", {"of": "WARD3-07", "name": "hr", "starts_at": str(NOON)})
    assert ">ward3-07</option>" in page.content.decode()
    answer = add(analyst, identity, "?of=ward3-07")
    assert answer.headers["Location"].startswith("/admin/analysis/series/ward3-07/hr/?from=")
    found = Annotation.objects.get()
    assert (found.created_by, found.starts_at, found.text) == ("ada", NOON, "sensor moved")
    event = AuditEvent.objects.get(action="add", object_type="analysis.annotation")
    assert event.username == "ada"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "nothing"}, "ward3-07 has no series of this name."),
        ({"ends_at_0": "2026-02-01", "ends_at_1": "00:00"}, "The end is before the start."),
        ({"text": ""}, "This field is required."),
    ],
)
def test_a_wrong_field_is_an_error_beside_it(
    analyst: Client, identity: Identity, changed: dict[str, str], message: str
) -> None:
    answer = add(analyst, identity, **changed)
    assert answer.status_code == 200
    assert message in answer.content.decode()
    assert not Annotation.objects.exists()


def test_each_changes_their_own(analyst: Client, identity: Identity) -> None:
    mine, other = note(identity), note(identity, created_by="grace")
    for row, status in ((mine, 302), (other, 403)):
        answer = analyst.post(f"{LIST}{row.pk}/change/", form(identity, text="removed"))
        assert answer.status_code == status
    chosen = {"action": "delete_selected", "_selected_action": [mine.pk, other.pk], "post": "yes"}
    analyst.post(LIST, chosen)
    analyst.post(f"{LIST}{other.pk}/delete/", {"post": "yes"})
    assert [row.text for row in Annotation.objects.filter(created_by="grace")] == ["sensor moved"]


def test_notes_are_found_and_downloaded(analyst: Client, identity: Identity) -> None:
    found, other = note(identity, text="=1+1 fell off"), note(identity, text="charged")
    page = analyst.get(LIST, {"q": "FELL"}).content.decode()
    assert f"{LIST}{found.pk}/change/" in page
    assert f"{LIST}{other.pk}/change/" not in page
    answer = analyst.post(LIST, {"action": "export_csv", "_selected_action": [found.pk]})
    assert answer.content.decode() == (
        "id,identity,name,from,to,text,created_at,created_by\n"
        f"{found.pk},ward3-07,,2026-03-01T12:00:00.000Z,,'=1+1 fell off,"
        f"{found.created_at.isoformat(timespec='milliseconds').replace('+00:00', 'Z')},ada\n"
    )


def test_erasure_deletes_them_and_their_texts(analyst: Client, identity: Identity) -> None:
    add(analyst, identity)
    assert "sensor moved" in LogEntry.objects.get().object_repr
    identity_erased.send(sender=Identity, identity_id=identity.pk, certificate_ids=[])
    assert not Annotation.objects.exists()
    assert LogEntry.objects.get().object_repr == "(erased)"
