"""``GET /api/v1/changes``: the form of the answer and its errors."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from identities.studies import Study, StudyIdentity, StudyMember
from ingest.maintenance.erasure import erase
from ingest.models import DeviceCertificate, Measurement
from tests.analysis.conftest import Get
from tests.analysis.queries.factories import make_analyst, make_token
from tests.ingest.maintenance.factories import MORNING, make_certificate, make_identity, send


@pytest.fixture
def get(own_db: None) -> Get:
    client = Client(headers={"authorization": f"Bearer {make_token(make_analyst())}"})
    return lambda path, **parameters: client.get(path, parameters)


@pytest.fixture
def certificate(own_db: None) -> DeviceCertificate:
    return make_certificate(make_identity())


PATH = "/api/v1/changes"


def test_a_change_has_the_documented_keys(get: Get, certificate: DeviceCertificate) -> None:
    receipt = send(certificate, {MORNING: 60.0, MORNING + 1: 61.0})
    body = get(PATH).json()
    received_at = Measurement.objects.get(pk=receipt.id).received_at
    assert body["results"] == [
        {
            "identity_id": certificate.identity_id,
            "identity": certificate.identity.name,
            "name": "hr",
            "from_ms": MORNING,
            "to_ms": MORNING + 2,
            "kind": "stored",
            "measurement": str(receipt.id),
            "at": received_at.isoformat().replace("+00:00", "Z"),
        }
    ]


def test_next_leads_on_also_from_the_end(get: Get, certificate: DeviceCertificate) -> None:
    following = get(PATH, limit=1).json()["next"]
    for time in (MORNING, MORNING + 1):
        send(certificate, {time: 60.0})
    for time in (MORNING, MORNING + 1):
        body = get(following).json()
        assert [change["from_ms"] for change in body["results"]] == [time]
        following = body["next"]
    assert get(following).json() == {"results": [], "next": following}
    # The cursor alone and the whole address are accepted as `after`.
    assert get(PATH, after=following).json()["results"] == []
    cursor = following.partition("after=")[2].partition("&")[0]
    assert get(PATH, after=cursor).json()["results"] == []


@pytest.mark.parametrize("after", ["x", "1.2", "http://a/?after=x", "\0", "9" * 400])
def test_an_invalid_cursor_is_a_bad_parameter(get: Get, after: str) -> None:
    response = get(PATH, after=after)
    assert response.status_code == 400
    assert response.json()["parameter"] == "after"


def test_a_cursor_from_before_a_restore_is_gone(get: Get) -> None:
    response = get(PATH, after="0123456789abcdef.1.0.1")
    assert response.status_code == 410
    assert response.json()["type"] == "urn:device-endpoint:cursor_expired"


def test_other_parameters_are_refused(get: Get) -> None:
    assert get(PATH, limit=0).status_code == 400
    assert get(PATH, since=1).status_code == 400


def test_the_feed_needs_a_token(own_db: None) -> None:
    assert Client().get(PATH).status_code == 401


@pytest.fixture
def study(own_db: None) -> Study:
    return Study.objects.create(name="Sleep")


def kinds(get: Get, path: str, **parameters: str) -> list[tuple[str, str]]:
    results = get(path, **parameters).json()["results"]
    return [(change["kind"], change["name"]) for change in results]


def test_a_study_has_its_identities_only(
    get: Get, certificate: DeviceCertificate, study: Study
) -> None:
    send(make_certificate(make_identity()), {MORNING: 1.0})
    StudyIdentity.objects.create(study=study, identity=certificate.identity)
    send(certificate, {MORNING: 1.0})
    assert kinds(get, PATH, study="sleep") == [("entered", "hr"), ("stored", "hr")]
    assert get(PATH, study="other").json()["type"] == "urn:device-endpoint:unknown_study"


def test_entering_and_leaving_name_the_whole_range(
    get: Get, certificate: DeviceCertificate, study: Study
) -> None:
    send(certificate, {MORNING: 1.0})
    following = get(PATH, study="Sleep").json()["next"]
    participation = StudyIdentity.objects.create(study=study, identity=certificate.identity)
    body = get(following).json()
    assert [(change["kind"], change["name"]) for change in body["results"]] == [("entered", "hr")]
    assert body["results"][0]["from_ms"] <= MORNING < body["results"][0]["to_ms"]
    participation.delete()
    assert set(kinds(get, body["next"])) == {("left", "hr")}
    assert kinds(get, PATH) == [("stored", "hr")]  # only who asks for a study is informed


def test_a_study_is_informed_of_erasure(
    get: Get, certificate: DeviceCertificate, study: Study
) -> None:
    StudyIdentity.objects.create(study=study, identity=certificate.identity)
    send(certificate, {MORNING: 1.0})
    following = get(PATH, study="Sleep").json()["next"]
    erase(certificate.identity, by="ada")
    assert kinds(get, following) == [("erased", "hr")]


def test_a_site_that_gets_a_parent_enters_it(
    get: Get, certificate: DeviceCertificate, study: Study
) -> None:
    site = Study.objects.create(name="Site")
    StudyIdentity.objects.create(study=site, identity=certificate.identity)
    send(certificate, {MORNING: 1.0})
    following = get(PATH, study="Sleep").json()["next"]
    site.parent = study
    site.save()
    assert ("entered", "hr") in kinds(get, following)
    site.parent = None
    site.save()
    assert ("left", "hr") in kinds(get, following)


def test_a_member_sees_the_study_alone(
    certificate: DeviceCertificate, study: Study, own_db: None
) -> None:
    user = User.objects.create_user("member", password="a long pass phrase", is_staff=True)
    StudyMember.objects.create(user=user, study=study)
    client = Client(headers={"authorization": f"Bearer {make_token(user)}"})
    inside = make_certificate(make_identity())
    StudyIdentity.objects.create(study=study, identity=inside.identity)
    for each in (certificate, inside):
        send(each, {MORNING: 1.0})
    results = client.get(PATH).json()["results"]
    assert [change["identity_id"] for change in results] == [inside.identity_id]
