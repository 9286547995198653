"""What an upload is compared with is bounded, whatever is stored already."""

from __future__ import annotations

from functools import partial

import pytest

from benchmarks.worst_inputs import FILES, full_hours
from ingest.models import DeviceCertificate
from ingest.storage.block_store import BLOCK_COST, OverlapBudget, OverlapTooLarge
from ingest.uploads import TooManyHours
from tests.ingest.maintenance.factories import WINDOW, make_certificate, make_identity, send

PER_HOUR = 40


@pytest.fixture
def certificate(db: None) -> DeviceCertificate:
    return make_certificate(make_identity())


def test_full_hours_are_compared_up_to_a_bound(
    certificate: DeviceCertificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    for content in full_hours(4, PER_HOUR):
        send(certificate, content, window=WINDOW)
    two_hours = partial(OverlapBudget, 2 * (PER_HOUR + BLOCK_COST))
    monkeypatch.setattr("ingest.uploads.OverlapBudget", two_hours)
    with pytest.raises(TooManyHours, match="Split the file by time"):
        send(certificate, FILES["changed"](3), window=WINDOW)
    assert send(certificate, FILES["changed"](2), window=WINDOW).replaced == 2


def test_one_hour_is_compared_whatever_it_holds() -> None:
    budget = OverlapBudget(left=10)
    for _ in range(5):
        budget.spend("hr", 1, 10)
    with pytest.raises(OverlapTooLarge):
        budget.spend("hr", 2, 10)
