"""The page that downloads a study has a link for each identity, without its script too."""

from __future__ import annotations

import html
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from analysis.admin import study_download
from identities.models import Identity
from identities.studies import Study, StudyIdentity, StudyMember


@pytest.fixture
def study(db: None) -> Study:
    study = Study.objects.create(name="Study A & B")
    site = Study.objects.create(name="Site", parent=study)
    for name, where in (("bed-1", study), ("bed-2", site), ("kanarie", None)):
        identity = Identity.objects.create(name=name)
        if where is not None:
            StudyIdentity.objects.create(study=where, identity=identity)
    return study


@pytest.fixture
def viewer(study: Study) -> Client:
    user = User.objects.create(username="vera", is_staff=True)
    StudyMember.objects.create(study=study, user=user, role="viewer")
    client = Client(headers={"X-Forwarded-Proto": "https"})
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def links(page: str) -> list[str]:
    return [html.unescape(url) for url in re.findall(r'<a href="([^"]+)" download>', page)]


def test_each_identity_has_a_link_that_works(viewer: Client, study: Study) -> None:
    page = viewer.get(f"/admin/identities/study/{study.pk}/change/").content.decode()
    address = f"/admin/studies/{study.pk}/download/"
    assert f'href="{address}"' in page
    fields = {"content": "originals", "names": "hr, acc", "from": "2026-01-01"}
    page = viewer.get(address, fields).content.decode()
    assert "2 identities, one zip each" in page
    found = links(page)
    assert [url.split("/")[4] for url in found] == ["bed-1", "bed-2"]
    assert "name=hr&name=acc&from=2026-01-01" in found[0]
    for url in found:
        answer = viewer.get(url)
        assert answer.status_code == 200
        assert len(answer.getvalue()) == int(answer.headers["Content-Length"])
    assert "kanarie" not in page


def test_the_key_of_the_progress_has_no_text(viewer: Client, study: Study) -> None:
    address = f"/admin/studies/{study.pk}/download/"
    keys = []
    for names in ("hr", "hr", "acc"):
        page = viewer.get(address, {"names": names}).content.decode()
        keys += re.findall(r'data-progress="([^"]+)"', page)
        assert re.search(rf'data-row="{Identity.objects.get(name="bed-1").pk}"', page)
    assert keys[0] == keys[1] != keys[2]
    assert re.fullmatch(rf"study-zips:{study.pk}:[0-9a-f]{{16}}", keys[0])


def test_a_wrong_time_is_named(viewer: Client, study: Study) -> None:
    page = viewer.get(f"/admin/studies/{study.pk}/download/", {"from": "2026"}).content.decode()
    assert re.search(r'class="errornote">from', page)
    assert "from=2026" not in page


def test_pages_follow_each_other(
    viewer: Client, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_download, "PER_PAGE", 1)
    address = f"/admin/studies/{study.pk}/download/"
    page = viewer.get(address, {"format": "csv"}).content.decode()
    following = re.search(r'href="(\?[^"]+)">Next page', page)
    assert following
    page = viewer.get(address + html.unescape(following[1])).content.decode()
    assert "bed-2/archive?study=Study+A+%26+B&content=both&format=csv" in links(page)[0]


def test_another_study_does_not_exist(viewer: Client, study: Study) -> None:
    other = Study.objects.create(name="other")
    for pk in (other.pk, 987_654):
        assert viewer.get(f"/admin/studies/{pk}/download/").status_code == 404
