"""What an upload is compared with is bounded, whatever is stored already."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.worst_inputs import FILES, FIRST_MS, HOUR_MS, full_hours
from ingest.models import DeviceCertificate
from ingest.storage.block_store import BLOCK_COST, OverlapBudget, OverlapTooLarge
from ingest.uploads import TooManyHours
from tests.ingest.maintenance.factories import WINDOW, make_certificate, make_identity, send
from tests.support.examples import bounded

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


STORED_HOURS = 480
# Of the tables that hold samples; the upload's own rows are among them.
ROWS_PER_HOUR, ROWS_PER_UPLOAD = 8, 40
_ROWS_READ = """
SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), sum(coalesce(idx_scan, 0))
FROM pg_stat_xact_user_tables WHERE relname LIKE 'ingest\\_%'
"""
WORST = st.tuples(st.sampled_from(sorted(FILES)), st.integers(1, 40))
HOURS_AND_OFFSETS = st.lists(
    st.tuples(st.integers(-5, STORED_HOURS + 5), st.integers(0, HOUR_MS - 1)),
    min_size=1,
    max_size=40,
)


@pytest.fixture
def full_series(certificate: DeviceCertificate) -> DeviceCertificate:
    """A device whose series hr has samples in every hour of 20 days."""
    for content in full_hours(STORED_HOURS, PER_HOUR):
        send(certificate, content, window=WINDOW)
    with connection.cursor() as cursor:
        # So few rows would be read rather than searched. ANALYZE discards former plans.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("ANALYZE ingest_sampleblock, ingest_measurement, ingest_series")
    return certificate


def measure(certificate: DeviceCertificate, content: bytes) -> Sequence[int]:
    """Store a file; return the rows that PostgreSQL read and its searches in indexes."""
    counts = []
    for step in (lambda: None, lambda: send(certificate, content, window=WINDOW)):
        step()
        # Not prepared: psycopg would end all prepared statements with the test's transaction.
        row = connection.connection.execute(_ROWS_READ, prepare=False).fetchone()
        counts.append(row)
    before, after = counts
    return [int(new) - int(old) for new, old in zip(after, before, strict=True)]


def assert_bounded(certificate: DeviceCertificate, content: bytes, hours: int) -> None:
    """Assert that the work depends on the hours of the file, not on the stored ones."""
    rows, searches = measure(certificate, content)
    assert rows <= ROWS_PER_UPLOAD + ROWS_PER_HOUR * hours
    assert searches <= ROWS_PER_UPLOAD + ROWS_PER_HOUR * hours


@settings(max_examples=bounded(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(worst=WORST)
def test_the_worst_files_read_the_blocks_of_their_hours(
    full_series: DeviceCertificate, worst: tuple[str, int]
) -> None:
    name, lines = worst
    # two lines with everything between them, or a line in each of the hours at most
    hours = 2 if name == "far_apart" else lines
    count = STORED_HOURS - 1 if name == "far_apart" else lines
    assert_bounded(full_series, FILES[name](count), hours * (63 if name == "most_columns" else 1))


@settings(max_examples=bounded(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=HOURS_AND_OFFSETS)
def test_any_lines_read_the_blocks_of_their_hours(
    full_series: DeviceCertificate, places: list[tuple[int, int]]
) -> None:
    lines = [b"%d,7\n" % (FIRST_MS + hour * HOUR_MS + offset) for hour, offset in places]
    assert_bounded(full_series, b"".join(lines), len({hour for hour, _ in places}))
