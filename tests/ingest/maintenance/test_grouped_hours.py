"""Compaction of several hours in one transaction: the same as that of one hour after the other."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from ingest.maintenance import compaction
from ingest.maintenance.compaction import compact
from ingest.maintenance.compaction_candidates import SeriesHour, group_hours
from ingest.maintenance.hour_merging import Compacted, merge_hours
from ingest.maintenance.verification import verify_series
from ingest.models import DaySummary, DeviceCertificate, HourSummary, SampleBlock
from tests.ingest.maintenance.factories import (
    HOUR_MS,
    make_certificate,
    make_identity,
    send,
    stored,
)

HOUR = 480_000
MIDNIGHT = HOUR * HOUR_MS
LIMITS = {"max_blocks": 6, "max_samples": 50}

hours = st.builds(
    SeriesHour,
    identity_id=st.integers(1, 2),
    name=st.sampled_from("ab"),
    hour=st.integers(0, 60),
    blocks=st.integers(1, 8),
    samples=st.integers(1, 60),
)


@given(st.lists(hours))
def test_groups_are_of_one_day_and_as_large_as_permitted(found: list[SeriesHour]) -> None:
    found.sort(key=lambda hour: (hour.identity_id, hour.name, hour.hour))
    groups = list(group_hours(found, **LIMITS))
    assert [hour for group in groups for hour in group] == found
    assert all(is_permitted(group) for group in groups)
    assert not any(is_permitted([*group, later[0]]) for group, later in pairwise(groups))


def is_permitted(group: list[SeriesHour]) -> bool:
    if len(group) == 1:
        return True
    return (
        len({hour.day for hour in group}) == 1
        and sum(hour.blocks for hour in group) <= LIMITS["max_blocks"]
        and sum(hour.samples for hour in group) <= LIMITS["max_samples"]
    )


def fill() -> DeviceCertificate:
    """Give a device with two days of open hours of all kinds."""
    certificate = make_certificate(make_identity())
    for hour in (0, 1, 2, 7, 23, 24, 25):
        send(certificate, {MIDNIGHT + hour * HOUR_MS + 2000 * i: i / 8 for i in range(1800)})
    compact(identity_id=certificate.identity_id)
    for minute in range(3 * 60, 5 * 60):
        send(certificate, {MIDNIGHT + 60_000 * minute + i * i: -float(i) for i in range(10)})
    send(certificate, {MIDNIGHT + 5 * HOUR_MS + 300 * i: 60.25 for i in range(9000)})
    send(certificate, {MIDNIGHT + hour * HOUR_MS + 1: 1e300 for hour in (0, 6, 24)})
    send(certificate, {MIDNIGHT + 2 * HOUR_MS: 7.0})
    return certificate


def contents(certificate: DeviceCertificate) -> list[list[dict[str, Any]]]:
    """Return all rows of blocks and summaries, but for what identifies them."""
    rows = [
        list(model.objects.filter(identity=certificate.identity_id).order_by(order).values())
        for model, order in ((SampleBlock, "first_ms"), (HourSummary, "hour"), (DaySummary, "day"))
    ]
    own = ("id", "pk", "identity_id")
    return [
        [{key: value for key, value in row.items() if key not in own} for row in of_table]
        for of_table in rows
    ]


def test_a_group_becomes_what_its_hours_become_alone(
    live_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, alone = fill(), fill()
    reports: list[int] = []
    done = compact(identity_id=together.identity_id, report=lambda done: reports.append(done.hours))
    assert reports == [6, 7]  # of each day
    with monkeypatch.context() as patched:
        patched.setattr(compaction, "MAX_GROUP_SAMPLES", 0)
        done_alone = compact(
            identity_id=alone.identity_id, report=lambda done: reports.append(done.hours)
        )
    assert reports[2:] == [1, 2, 3, 4, 5, 6, 7]
    assert done == done_alone
    assert contents(together) == contents(alone)
    assert [len(rows) for rows in contents(together)] == [12, 11, 2]
    assert stored(together.identity) == stored(alone.identity)
    assert verify_series(together.identity_id, "hr").is_clean
    assert compact(identity_id=together.identity_id) == Compacted()


def open_hours(certificate: DeviceCertificate) -> set[int]:
    blocks = SampleBlock.objects.filter(identity=certificate.identity_id, compacted=False)
    return {hour - HOUR for hour in blocks.values_list("hour", flat=True)}


def summarised_hours(certificate: DeviceCertificate) -> set[int]:
    summaries = HourSummary.objects.filter(identity=certificate.identity_id)
    return {hour - HOUR for hour in summaries.values_list("hour", flat=True)}


@pytest.fixture
def certificate(live_db: None) -> DeviceCertificate:
    """Give a device with six open hours of two blocks, of two days."""
    certificate = make_certificate(make_identity())
    for hour in (*range(3), *range(24, 27)):
        for start in (0, 1):
            first = MIDNIGHT + hour * HOUR_MS + start
            send(certificate, {first + 2 * i: float(i) for i in range(100)})
    return certificate


@pytest.mark.parametrize("fault", [{"offsets": [1, 2]}, {"scale": 99}], ids=["times", "values"])
def test_a_damaged_hour_of_a_group_is_left_alone(
    certificate: DeviceCertificate, fault: dict[str, Any]
) -> None:
    blocks = SampleBlock.objects.filter(identity=certificate.identity_id, hour=HOUR + 1)
    blocks.filter(first_ms=MIDNIGHT + HOUR_MS).update(**fault)
    before = list(blocks.order_by("id").values())
    done = compact(identity_id=certificate.identity_id)
    assert (done.hours, done.damaged, done.blocks_before, done.blocks_after) == (5, 1, 10, 5)
    assert list(blocks.order_by("id").values()) == before
    assert open_hours(certificate) == {1}
    assert summarised_hours(certificate) == {0, 2, 24, 25, 26}


def test_a_run_that_dies_between_groups_is_continued(certificate: DeviceCertificate) -> None:
    def die(done: Compacted) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        compact(identity_id=certificate.identity_id, report=die)
    assert open_hours(certificate) == {24, 25, 26}
    assert summarised_hours(certificate) == {0, 1, 2}
    assert verify_series(certificate.identity_id, "hr").is_clean
    assert compact(identity_id=certificate.identity_id).hours == 3
    assert summarised_hours(certificate) == {0, 1, 2, 24, 25, 26}
    assert verify_series(certificate.identity_id, "hr").is_clean


def test_a_run_stops_between_groups(certificate: DeviceCertificate) -> None:
    answers = iter((False, True))
    done = compact(identity_id=certificate.identity_id, is_stopping=lambda: next(answers))
    assert done.hours == 3
    assert open_hours(certificate) == {24, 25, 26}


def test_hours_of_many_compacted_samples_are_done_alone(
    certificate: DeviceCertificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    compact(identity_id=certificate.identity_id)
    send(certificate, {MIDNIGHT + hour * HOUR_MS + 1_000_000: 7.0 for hour in range(3)})
    monkeypatch.setattr(compaction, "MAX_GROUP_SAMPLES", 10)
    reports: list[int] = []
    compact(identity_id=certificate.identity_id, report=lambda done: reports.append(done.hours))
    assert reports == [3]
    assert not open_hours(certificate)
    assert verify_series(certificate.identity_id, "hr").is_clean


def test_an_hour_whose_blocks_are_gone_loses_its_summary(certificate: DeviceCertificate) -> None:
    compact(identity_id=certificate.identity_id)
    SampleBlock.objects.filter(identity=certificate.identity_id, hour=HOUR).delete()
    with transaction.atomic():
        merged = merge_hours(certificate.identity_id, "hr", [HOUR, HOUR + 1])
    assert (merged.hours, merged.blocks_before, merged.blocks_after) == (2, 1, 1)
    assert summarised_hours(certificate) == {1, 2, 24, 25, 26}
