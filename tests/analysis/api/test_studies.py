"""Studies in the analysis API and in commands: their list, and what they narrow."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from identities.models import Identity
from identities.studies import Study, StudyIdentity
from ingest.models import Measurement, RetentionPolicy
from tests.analysis.conftest import Get
from tests.analysis.queries.factories import make_certificate, make_measurement, make_series

START = 1_700_000_000_000


@pytest.fixture
def studies(ward: Identity) -> tuple[Study, Study]:
    """Study A with the ward, its site with another identity; both have a series and a file."""
    study = Study.objects.create(name="Study A", time_zone="Europe/Vienna")
    site = Study.objects.create(name="Study A, site 1", parent=study)
    other = Identity.objects.create(name="other")
    for identity, where, code in ((ward, study, "P-1"), (other, site, "")):
        StudyIdentity.objects.create(
            study=where, identity=identity, participant_code=code, starts_on="2026-01-01"
        )
        make_series(identity, "hr", {START: 70})
        certificate = make_certificate(identity, identity.name)
        make_measurement(certificate, identity.name.encode(), first_ms=START, last_ms=START + 1000)
    Identity.objects.create(name="in-none")
    return study, site


def names(page: Any, key: str = "name") -> list[str]:
    return [row[key] for row in page.json()["results"]]


def test_studies_have_their_parent_and_numbers(get: Get, studies: tuple[Study, Study]) -> None:
    first, second = get("studies").json()["results"]
    assert first == {
        "name": "Study A",
        "description": "",
        "time_zone": "Europe/Vienna",
        "is_active": True,
        "parent": None,
        "identities": 1,
    }
    assert second["parent"] == "Study A"


def test_pages_of_studies_follow_each_other(get: Get, studies: tuple[Study, Study]) -> None:
    first = get("studies", limit=1).json()
    assert [row["name"] for row in first["results"]] == ["Study A"]
    second = get(first["next"].partition("/api/v1/")[2]).json()
    assert [row["name"] for row in second["results"]] == ["Study A, site 1"]
    assert second["next"] is None


def test_study_narrows_series_and_archives(get: Get, studies: tuple[Study, Study]) -> None:
    assert names(get("series", study="Study A"), "identity") == ["other", "Ward3-07"]
    assert names(get("series", study="Study A, site 1"), "identity") == ["other"]
    archive = {"study": "Study A, site 1", "format": "csv"}
    assert get("archive", series="other/hr", **archive).status_code == 200
    assert get("archive", series="Ward3-07/hr", **archive).status_code == 404
    assert names(get("identities", study="Study A, site 1"), "identity") == ["other"]
    assert names(get("measurements", study="Study A, site 1"), "identity") == ["other"]
    for path in ("series", "archive", "identities", "measurements"):
        answer = get(path, study="Study B", **({"series": "a/b"} if path == "archive" else {}))
        assert (answer.status_code, answer.json()["type"]) == (
            404,
            "urn:device-endpoint:unknown_study",
        )


def test_the_command_exports_from_a_study_only(
    studies: tuple[Study, Study], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    call_command("export_samples", "Ward3-07", "hr", study="Study A")
    assert capsysbinary.readouterr().out.count(b"\n") == 2
    with pytest.raises(CommandError, match="There is no series"):
        call_command("export_samples", "Ward3-07", "hr", study="Study A, site 1")
    with pytest.raises(CommandError, match="There is no study"):
        call_command("export_samples", "Ward3-07", "hr", study="B")


def test_pruning_is_confined_to_a_study(studies: tuple[Study, Study]) -> None:
    RetentionPolicy.objects.create(keep_days=1)
    RetentionPolicy.objects.create(study=studies[1], keep_days=None)
    out = io.StringIO()
    call_command("prune", "--dry-run", "--json", study="Study A", stdout=out)
    assert [row["identity"] for row in json.loads(out.getvalue())["series"]] == ["Ward3-07"]
    assert Measurement.objects.count() == 2
