"""Values that are not kept as sent, and times ahead of now, are shown on the pages of the data."""

from __future__ import annotations

import time
import uuid

import pytest
from django.test import Client

from ingest.models import Measurement
from tests.analysis.queries.factories import make_analyst
from tests.ingest.maintenance.factories import MORNING, make_certificate, make_identity, send

pytestmark = pytest.mark.usefixtures("live_db")
NOT_KEPT = f"time,x,y\n{MORNING},1,2\n{MORNING},3,0.10000000000000000001\n"


@pytest.fixture
def analyst(client: Client) -> Client:
    client.force_login(make_analyst(f"analyst-{uuid.uuid4().hex}"))
    return client


def show(client: Client, path: str, **query: str) -> str:
    return str(client.get(f"/admin/{path}", query).content.decode())


def test_a_file_shows_what_is_not_kept(analyst: Client) -> None:
    receipt = send(make_certificate(make_identity()), NOT_KEPT.encode(), "acc")
    page = show(analyst, f"ingest/measurement/{receipt.id}/change/")
    assert "2 (not kept: a later line of the file has the same time)" in page
    assert "1 (stored as another decimal" in page
    assert "<td>acc.y</td><td>2</td><td>1</td><td>0</td><td>0</td><td>1</td>" in page


@pytest.mark.parametrize("kind", ["repeated", "rounded"])
def test_files_are_found_by_what_is_not_kept(analyst: Client, kind: str) -> None:
    device = make_certificate(make_identity())
    found, other = (send(device, text) for text in (NOT_KEPT.encode(), {MORNING: 1.0}))
    page = show(analyst, "ingest/measurement/", q=device.identity.name, not_kept=kind)
    assert str(found.id) in page
    assert str(other.id) not in page


def test_an_identity_shows_lost_values_and_shared_certificates(analyst: Client) -> None:
    device = make_certificate(make_identity())
    send(device, NOT_KEPT.encode(), "acc")
    for value in range(4):
        send(device, {MORNING: float(value)})
    page = show(analyst, f"analysis/overview/{device.identity.name}/")
    assert "a file “acc” is not kept in full" in page
    assert "2 of 4 values have the time of a later line" in page
    assert "1 value has more digits than a double keeps" in page
    assert "3 files of one certificate replaced its own samples of hr" in page
    row = show(analyst, "analysis/overview/", q=device.identity.name)
    assert f'href="/admin/ingest/measurement/?q={device.identity.name}">3</a>' in row
    assert "the same: a copied key?" in show(
        analyst, "ingest/sampleconflict/", q=device.identity.name
    )


def test_times_ahead_of_now_are_marked(analyst: Client) -> None:
    device = make_certificate(make_identity())
    ahead = int(time.time() + 3.01 * 3600) * 1000
    receipt = send(device, {ahead: 1.0})
    for path in (
        f"ingest/measurement/{receipt.id}/change/",
        f"analysis/overview/{device.identity.name}/",
    ):
        assert "▲ 3 h ahead of now" in show(analyst, path)
    assert "ahead of now" in show(analyst, "analysis/overview/", q=device.identity.name)
    Measurement.objects.filter(pk=receipt.id).update(last_ms=MORNING, first_ms=MORNING)
    assert "ahead of now" not in show(analyst, f"ingest/measurement/{receipt.id}/change/")
