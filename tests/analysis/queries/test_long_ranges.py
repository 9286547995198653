"""Statistics of a fortnight to a year are those of pandas on the exported samples."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from ingest.maintenance.compaction import compact
from ingest.models import DeviceCertificate
from tests.analysis.conftest import make_getter
from tests.ingest.maintenance.factories import make_certificate, make_identity, send

FIRST = int(datetime(2025, 3, 1, tzinfo=UTC).timestamp())
DAY = 86_400
RANGES = (14, 30, 90, 365)


def make_heart_rate(day: int) -> dict[int, float]:
    """Return a day of heart rate every 5 s, with exercise of hours, pauses and outliers."""
    generator = np.random.default_rng(day)
    seconds = np.arange(0, DAY, 5)
    values = 62 + 8 * np.sin(seconds / DAY * 2 * np.pi) + generator.normal(0, 3, len(seconds))
    if day % 3 == 0:
        start, length = int(generator.integers(0, 60_000)), int(generator.integers(3_600, 14_400))
        bout = (seconds >= start) & (seconds < start + length)
        values[bout] = generator.normal(130 + day % 40, 9, int(bout.sum()))
    values[generator.random(len(seconds)) < 1e-4] = 255
    is_worn = (seconds < 80_000) if day % 5 else (seconds // 7_000 % 2 == 0)
    moments = ((FIRST + day * DAY + seconds[is_worn]) * 1000).tolist()
    return dict(zip(moments, values[is_worn].round(1).tolist(), strict=True))


def send_year(certificate: DeviceCertificate) -> None:
    """Send a year, its last day in files of a minute."""
    for day in range(365):
        samples = [*make_heart_rate(day).items()]
        size = 12 if day == 364 else len(samples)
        for start in range(0, len(samples), size):
            send(certificate, dict(samples[start : start + size]))


@pytest.mark.slow
def test_long_ranges_have_the_statistics_of_pandas(own_db: None) -> None:
    certificate = make_certificate(make_identity("year"))
    send_year(certificate)
    compact(identity_id=certificate.identity_id)
    get, path = make_getter(), f"series/{certificate.identity.name}/hr"
    export = pd.read_csv(io.BytesIO(b"".join(get(f"{path}/samples"))))
    end = (FIRST + 365 * DAY) * 1000
    for days in RANGES:
        start = end - days * DAY * 1000 + 1_234_567
        values = export.value[export.time_ms >= start]
        found = get(f"{path}/summary", from_=str(start), to=str(end)).json()
        assert found["count"] == len(values)
        assert (found["min"], found["max"]) == (values.min(), values.max())
        assert found["mean"] == pytest.approx(values.mean(), rel=1e-12)
        assert found["sd"] == pytest.approx(values.std(), rel=1e-9)
        for name, fraction in (("p5", 0.05), ("median", 0.5), ("p95", 0.95)):
            true = np.quantile(values, fraction, method="inverted_cdf")
            assert found[name] == pytest.approx(true, rel=1 / 256), (days, name)
