"""Whole days are read by their summaries, with the numbers of their hours and samples."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from django.db import transaction

from analysis.queries import summary, whole_days
from analysis.queries.read_buckets import read_buckets
from analysis.queries.series import Series, find_series
from analysis.queries.summary import summarise_series
from analysis.queries.whole_days import list_spans, read_days
from identities.models import Identity
from identities.visibility import EVERYTHING
from ingest.maintenance.compaction import compact
from ingest.models import DaySummary
from ingest.time_range import TimeRange
from tests.ingest.maintenance.factories import (
    DAY_MS,
    HOUR_MS,
    make_certificate,
    make_identity,
    send,
)

START = 20_000 * DAY_MS + 7 * HOUR_MS + 600_000


@pytest.fixture
def device(live_db: None) -> Identity:
    """Give nine days of a sensor with pauses, hours of few samples and hours of many values."""
    generator = np.random.default_rng(5)
    offsets = np.arange(0, 9 * DAY_MS, 40_000)
    values = generator.normal(70, 9, len(offsets)).round(2)
    is_wide = (offsets > 60 * HOUR_MS) & (offsets < 63 * HOUR_MS)
    values[is_wide] = 10.0 ** generator.uniform(-100, 100, int(is_wide.sum()))
    hours = offsets // HOUR_MS
    is_worn = (hours % 11 > 1) | ((hours % 11 == 1) & (offsets % HOUR_MS < 500_000))
    certificate = make_certificate(make_identity("days"))
    times = (START + offsets[is_worn]).tolist()
    send(certificate, dict(zip(times, values[is_worn].tolist(), strict=True)))
    compact(identity_id=certificate.identity_id)
    return certificate.identity


# Milliseconds cut off both ends, and the whole days that are left.
CUTS = ((0, 8), (DAY_MS - START % DAY_MS, 7), (HOUR_MS // 3, 8))


def read_numbers(series: Series, wanted: TimeRange) -> list[Any]:
    """Return the summary and three charts of a range."""
    found, _ = summarise_series(series, wanted)
    charts = [read_buckets(series, wanted, width) for width in (4, 30, 150)]
    drawn = [(width, *map(np.ndarray.tolist, vars(each).values())) for width, each in charts]
    return [{**found.__dict__, "opened": None}, *drawn]


def test_days_hours_and_samples_give_the_same_numbers(
    device: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = find_series(device.name, "hr", EVERYTHING)
    for spans, (cut, days) in product((8, 0), CUTS):
        wanted = TimeRange(START + cut, START + 9 * DAY_MS - cut)
        monkeypatch.setattr(whole_days, "MAX_SPANS", spans)
        monkeypatch.setattr(summary, "MAX_EXACT_SAMPLES", 10**6)
        exact, _ = summarise_series(series, wanted)
        monkeypatch.setattr(summary, "MAX_EXACT_SAMPLES", 100)
        assert len(read_days(series, wanted.from_ms or 0, wanted.to_ms or 0)) == days
        by_days = read_numbers(series, wanted)
        with transaction.atomic():
            DaySummary.objects.filter(identity=device).delete()
            assert read_numbers(series, wanted) == by_days
            transaction.set_rollback(True)
        assert by_days[0]["count"] == exact.count
        assert (by_days[0]["gap"], by_days[0]["last_ms"]) == (exact.gap, exact.last_ms)
        assert by_days[0]["p95"] == pytest.approx(exact.p95, rel=1 / 256)
        assert by_days[0]["sd"] == pytest.approx(exact.sd, rel=1e-9)


def test_what_days_leave_is_read_in_few_spans() -> None:
    assert list_spans(30, 100, []) == [(30, 100)]
    assert list_spans(30, 100, [2, 3]) == [(30, 47), (96, 100)]
    assert list_spans(48, 95, [2, 3]) == []
    assert list_spans(0, 24 * 40, [*range(0, 40, 2)]) == [(0, 24 * 40)]
