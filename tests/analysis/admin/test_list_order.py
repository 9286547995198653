"""Overview and series list: sorted by their columns, filtered, and searched by related rows."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Lower
from django.test import Client
from django.utils import timezone

from analysis.admin import identity_list, identity_search, series_list
from identities.models import Identity, PreSharedKey
from identities.studies import Study, StudyIdentity
from ingest.models import CertificateRefusal, RegistrationAttempt, SampleConflict
from tests.analysis.queries.factories import (
    make_analyst,
    make_certificate,
    make_measurement,
    make_series,
)

OVERVIEW, SERIES = "/admin/analysis/overview/", "/admin/analysis/series/"
HOUR_MS = 3_600_000
NOW_MS = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()) * 1000


@pytest.fixture
def superuser(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    return client


@pytest.fixture
def wards(db: None) -> list[Identity]:
    """Seven identities that each column sorts in another order; the first has no sample."""
    wards = [Identity.objects.create(name=f"ward-{number}") for number in range(7)]
    for number, ward in enumerate(wards):
        certificate = make_certificate(ward, ward.name)
        certificate.not_after = timezone.now() + timedelta(days=100 + number * 5 % 7)
        certificate.save()
        if number:
            count = 1 + number * 2 % 7
            last = NOW_MS - number * 3 % 7 * HOUR_MS
            make_series(ward, "hr", {last - 1000 * each: 60 for each in range(count)})
    for number, days in ((2, 5), (6, 3), (5, 0)):
        certificate = wards[number].certificates.get()
        received_at = timezone.now() - timedelta(days=days)
        content = wards[number].name.encode()
        make_measurement(certificate, content, status="rejected", received_at=received_at)
    for number in (2, 5):
        make_certificate(wards[number], f"second of {number}")
    for number, names in ((3, "ab"), (1, "a")):
        certificate = wards[number].certificates.get()
        for name in names:
            SampleConflict.objects.create(
                identity=wards[number], name=name, certificate=certificate,
                replaced_certificate=certificate, measurement_id=uuid4(), replaced=1,
                first_ms=NOW_MS, last_ms=NOW_MS,
            )  # fmt: skip
    return wards


def listed(client: Client, url: str, **query: str) -> list[str]:
    """Return the identities on all pages from ``query`` on."""
    text = client.get(url, query).content.decode()
    table = text.partition("<tbody>")[2].partition("</tbody>")[0]
    found = re.findall(rf'href="{OVERVIEW}([^"/]+)/"', table)
    next_link = re.search(r'href="\?([^"]*)">(?:Next page|Continue search)', text)
    if next_link is None:
        return found
    answer = dict(part.split("=") for part in next_link[1].replace("&amp;", "&").split("&"))
    return found + listed(
        client, url, **{key: each.replace("%2F", "/") for key, each in answer.items()}
    )


@pytest.mark.parametrize("per_page", [2, 50])
def test_the_overview_is_sorted_by_its_columns(
    superuser: Client, wards: list[Identity], monkeypatch: pytest.MonkeyPatch, per_page: int
) -> None:
    monkeypatch.setattr(identity_list, "IDENTITIES_PER_PAGE", per_page)
    names = [ward.name for ward in wards]
    assert listed(superuser, OVERVIEW, sort="-name") == names[::-1]
    by_last = sorted(names[1:], key=lambda name: -(int(name[-1]) * 3 % 7))
    assert listed(superuser, OVERVIEW, sort="last") == [*by_last, "ward-0"]
    assert listed(superuser, OVERVIEW, sort="-last") == [*by_last[::-1], "ward-0"]
    by_expiry = sorted(names, key=lambda name: int(name[-1]) * 5 % 7)
    assert listed(superuser, OVERVIEW, sort="expires") == by_expiry
    for sort, order in {
        "state": "5123460", "devices": "0134625", "rejected": "2650134", "-rejected": "5620134",
        "conflicts": "0245613", "-conflicts": "3102456", "nothing": "0123456", "-": "0123456",
    }.items():  # fmt: skip
        assert listed(superuser, OVERVIEW, sort=sort) == [f"ward-{each}" for each in order], sort


def test_a_long_overview_is_sorted_by_name_only(
    superuser: Client, wards: list[Identity], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "sort=last" in superuser.get(OVERVIEW).content.decode()
    monkeypatch.setattr(identity_list, "MAX_COUNTED", 6)
    monkeypatch.setattr(identity_list, "IDENTITIES_PER_PAGE", 3)
    text = superuser.get(OVERVIEW).content.decode()
    assert "sort=last" not in text
    assert "sort=-name" in text
    names = [ward.name for ward in wards]
    assert listed(superuser, OVERVIEW, sort="last") == names
    assert listed(superuser, OVERVIEW, sort="-name") == names[::-1]


def test_the_overview_is_narrowed_to_a_measurement(
    superuser: Client, wards: list[Identity], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_series(wards[3], "acc.x", {NOW_MS: 1})
    assert listed(superuser, OVERVIEW, name="acc") == ["ward-3"]
    assert listed(superuser, OVERVIEW, name="acc.x", sort="-last") == ["ward-3"]
    assert listed(superuser, OVERVIEW, name="nothing") == []
    monkeypatch.setattr("ingest.series_names.MAX_IDENTITIES_OF_NAME", 0)
    assert listed(superuser, OVERVIEW, name="acc") == ["ward-3"]
    identities = superuser.get("/admin/identities/identity/?measurement=acc").context["cl"]
    assert [identity.name for identity in identities.result_list] == ["ward-3"]


def make_related_rows(ward: Identity) -> dict[str, str]:
    """Return texts that lead to the identity, by the permission that each needs."""
    certificate = ward.certificates.get()
    certificate.label = "Strap of Mrs. Kim"
    certificate.save()
    PreSharedKey.objects.create(
        identity=ward, digest=b"k" * 32, hint="dek_7Qx", note="Tablet in room 12"
    )
    CertificateRefusal.objects.create(
        certificate=certificate, at=timezone.now(), code="x", status=403, request_id="r-1234"
    )
    RegistrationAttempt.objects.create(identity=ward, outcome="bound", request_id="a-5678")
    study = Study.objects.create(name="Sleep")
    StudyIdentity.objects.create(study=study, identity=ward, participant_code="SL-042")
    Identity.objects.filter(pk=ward.pk).update(description="left wrist")
    measurement = make_measurement(certificate, b"x")
    return {
        "mrs. k": "ingest.view_devicecertificate",
        certificate.fingerprint[:12]: "ingest.view_devicecertificate",
        "r-1234": "ingest.view_devicecertificate",
        "room 12": "identities.view_presharedkey",
        "dek_7Q": "identities.view_presharedkey",
        "a-5678": "ingest.view_registrationattempt",
        str(measurement.pk): "ingest.view_measurement",
        "sl-04": "",
        "left wr": "",
    }


def test_the_overview_is_searched_by_related_rows(superuser: Client, wards: list[Identity]) -> None:
    for text, permission in make_related_rows(wards[4]).items():
        assert listed(superuser, OVERVIEW, q=text) == ["ward-4"], (text, permission)
    assert listed(superuser, OVERVIEW, q="WARD-5") == ["ward-5"]


def test_a_search_that_finds_too_many_says_so(
    superuser: Client, wards: list[Identity], monkeypatch: pytest.MonkeyPatch
) -> None:
    Identity.objects.filter(name__lt="ward-4").update(description="left wrist")
    for limit, is_cut in ((2, True), (4, False)):
        monkeypatch.setattr(identity_list, "MAX_COUNTED", limit)
        assert (len(listed(superuser, OVERVIEW, q="left wr")) < 4) == is_cut
        text = superuser.get(OVERVIEW, {"q": "left wr"}).content.decode()
        assert ("More identities match" in text) == is_cut


def test_many_rows_of_one_identity_hide_no_other(
    superuser: Client, wards: list[Identity], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity_list, "MAX_COUNTED", 2)
    for number, ward in enumerate([*[wards[4]] * 5, wards[2]]):
        digest = bytes([number]) * 32
        PreSharedKey.objects.create(identity=ward, digest=digest, hint="x", note="Sleep study")
    assert listed(superuser, OVERVIEW, q="sleep st") == ["ward-2", "ward-4"]
    page = superuser.get(OVERVIEW, {"q": "sleep st"}).content.decode()
    assert "More identities match" not in page
    monkeypatch.setattr(identity_search, "ROWS_PER_IDENTITY", 2)  # fewer rows than there are
    page = superuser.get(OVERVIEW, {"q": "sleep st"}).content.decode()
    assert "More identities match" in page


def test_related_rows_are_for_those_who_may_see_them(wards: list[Identity]) -> None:
    texts = make_related_rows(wards[4])
    user = make_analyst()
    client = Client()
    client.force_login(user)
    for text, permission in texts.items():
        found = listed(client, OVERVIEW, q=text)
        assert found == (["ward-4"] if not permission or user.has_perm(permission) else []), text
    assert not user.has_perm("identities.view_presharedkey")


@pytest.mark.parametrize("per_page", [2, 100])
def test_series_are_sorted_by_their_last_sample(
    superuser: Client, wards: list[Identity], monkeypatch: pytest.MonkeyPatch, per_page: int
) -> None:
    monkeypatch.setattr(series_list, "SERIES_PER_PAGE", per_page)
    names = [ward.name for ward in wards[1:]]
    assert listed(superuser, SERIES) == names
    assert listed(superuser, SERIES, sort="-identity") == names[::-1]
    by_last = sorted(names, key=lambda name: -(int(name[-1]) * 3 % 7))
    assert listed(superuser, SERIES, sort="last") == by_last
    assert listed(superuser, SERIES, sort="-last") == by_last[::-1]
    text = superuser.get(SERIES).content.decode()
    assert ("sort=samples" in text) == (per_page == 100)
    if per_page == 100:
        by_count = sorted(names, key=lambda name: int(name[-1]) * 2 % 7)
        assert listed(superuser, SERIES, sort="samples") == by_count
    monkeypatch.setattr(series_list, "MAX_COUNTED", 3)
    assert "sort=" not in superuser.get(SERIES).content.decode()
    assert listed(superuser, SERIES, sort="last") == names


@pytest.mark.parametrize("per_page", [1, 100])
def test_series_are_in_the_order_of_the_database(
    superuser: Client, monkeypatch: pytest.MonkeyPatch, per_page: int
) -> None:
    """Punctuation, digits and cases, which collations order differently."""
    names = ["a-b", "A.b", "a_B", "ab", "a1", "B", "a-B-1", "a.B.1"]
    for name in names:
        make_series(Identity.objects.create(name=name), "hr", {NOW_MS: 60})
    monkeypatch.setattr(series_list, "SERIES_PER_PAGE", per_page)
    ordered = [identity.name for identity in Identity.objects.order_by(Lower("name"))]
    assert listed(superuser, SERIES) == ordered
    assert listed(superuser, SERIES, sort="-identity") == ordered[::-1]
    assert listed(superuser, SERIES, sort="name") == ordered
