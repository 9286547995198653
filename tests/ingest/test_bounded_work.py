"""The work of an upload is bounded by what it sends, whatever is stored already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd  # noqa: F401 - pyarrow imports it with its first table, not an upload's work
import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings, target
from hypothesis import strategies as st

from benchmarks.worst_inputs import FILES, FIRST_MS, HOUR_MS, full_hours, one_line_of_columns
from ingest.maintenance.compaction import compact
from ingest.models import DeviceCertificate, SampleBlock, SampleConflict
from ingest.storage import block_store
from ingest.storage.block_store import LOCKS_PER_IDENTITY
from ingest.storage.overlap_budget import (
    BLOCK_COST,
    ROW_COST,
    HourNotCompacted,
    OverlapBudget,
    OverlapTooLarge,
)
from ingest.storage.transactions import fetch_within
from ingest.uploads import TooManyHours
from tests.ingest.maintenance.factories import (
    MORNING,
    WINDOW,
    make_certificate,
    make_identity,
    send,
    send_together,
)
from tests.ingest.upload_work import Work, measure_work
from tests.support.database import CITUS
from tests.support.examples import bounded

PER_HOUR = 40
STORED_HOURS = 480
MAX_COLUMNS = 63
# What a request costs beside its bytes, its hours (of each series) and the stored blocks of these.
FIXED = Work(
    statements=25,
    received_bytes=5_000,
    rows_read=100,
    index_searches=40,
    allocated_bytes=4_000_000,  # modules that the first upload loads
)
EACH = Work(
    statements=1,
    received_bytes=10 * PER_HOUR,
    rows_read=4,
    index_searches=3,  # of a series: its blocks, twice where they are overlaid, and its row
    allocated_bytes=3_000,
)
BYTES_ALLOCATED_FOR_A_BYTE = 30

HOURS_AND_OFFSETS = st.lists(
    st.tuples(st.integers(-5, STORED_HOURS + 5), st.integers(0, HOUR_MS - 1)),
    min_size=1,
    max_size=40,
)
ANY_LINES = HOURS_AND_OFFSETS.map(
    lambda places: b"".join(b"%d,7\n" % (FIRST_MS + h * HOUR_MS + ms) for h, ms in places)
)
READABLE = sorted(set(FILES) - {"never_readable"})
WORST = st.builds(
    lambda name, count: FILES[name](STORED_HOURS - 1 if name == "far_apart" else count),
    st.sampled_from(READABLE),
    st.integers(1, 40),
)
# The fixtures are made once for all examples: each meets what the others have stored.
property_test = settings(
    max_examples=bounded(40), suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def certificate(db: None, monkeypatch: pytest.MonkeyPatch) -> DeviceCertificate:
    # On a busy machine a search that ran out of time would be left out, and cost less.
    monkeypatch.setattr("ingest.sample_conflicts.MAX_SEARCH_SECONDS", 600.0)
    return make_certificate(make_identity())


@pytest.fixture
def full_series(certificate: DeviceCertificate) -> DeviceCertificate:
    """A device whose series hr has samples in every hour of 20 days."""
    for content in full_hours(STORED_HOURS, PER_HOUR):
        send(certificate, content, window=WINDOW)
    if CITUS is not None:  # the nodes plan, and count rows and searches
        return certificate
    with connection.cursor() as cursor:
        # So few rows would be read rather than searched. ANALYZE discards former plans, and its
        # locks keep autovacuum, which sees none of these rows, from changing plans meanwhile.
        cursor.execute("SET LOCAL enable_seqscan = off")
        tables = [each._meta.db_table for each in apps.get_app_config("ingest").get_models()]
        cursor.execute(f"ANALYZE {', '.join(tables)}")
    return certificate


def count_hours(content: bytes) -> int:
    """Return the number of hours of a file, counted for each of its columns."""
    lines = content.splitlines()
    hours = {int(line.partition(b",")[0].partition(b".")[0]) // HOUR_MS for line in lines}
    return len(hours) * lines[0].count(b",")


def count_blocks(certificate: DeviceCertificate, contents: Sequence[bytes]) -> int:
    """Return the number of stored blocks in the hours of these files."""
    lines = [line for content in contents for line in content.splitlines()]
    hours = {int(line.partition(b",")[0].partition(b".")[0]) // HOUR_MS for line in lines}
    found = SampleBlock.objects.filter(identity=certificate.identity_id, hour__in=hours)
    return found.count()


def assert_bounded(certificate: DeviceCertificate, *contents: bytes) -> float:
    """Store files in one request; assert that the blocks of other hours cost nothing.

    Return the greatest share of a bound that was used.
    """
    things = len(contents) + sum(map(count_hours, contents)) + count_blocks(certificate, contents)
    work = measure_work(lambda: send_together(certificate, *contents))
    shares: dict[str, float] = {}
    for name in Work.__slots__:
        most = getattr(FIXED, name) + getattr(EACH, name) * things
        if name == "allocated_bytes":
            most += BYTES_ALLOCATED_FOR_A_BYTE * sum(map(len, contents))
        shares[name] = getattr(work, name) / most
    exceeded = {name: share for name, share in shares.items() if share > 1}
    assert not exceeded, (exceeded, work, things)
    return max(shares.values())


def run_sql(statement: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


# Work of each kind that a request of one line does not need.
EXCESSES: dict[str, Callable[[], object]] = {
    "statements": lambda: [run_sql("SELECT 1") for _ in range(50)],
    "received_bytes": lambda: run_sql("SELECT repeat('x', 20000)"),
    "rows_read": lambda: run_sql("SELECT sum(sample_count) FROM ingest_sampleblock"),
    "index_searches": lambda: run_sql(
        "SELECT count(found) FROM generate_series(1, 100) AS number, LATERAL"
        " (SELECT 1 AS found FROM ingest_sampleblock WHERE identity_id = -number LIMIT 1) AS first"
    ),
    "allocated_bytes": lambda: bytearray(10_000_000),
}
COUNTED = EXCESSES.keys() - ({"rows_read", "index_searches"} if CITUS is not None else set())


@pytest.mark.parametrize("name", sorted(COUNTED))
def test_work_beyond_a_bound_is_noticed(
    full_series: DeviceCertificate, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    line = FILES["between"](1)
    assert_bounded(full_series, line)
    monkeypatch.setattr(f"{__name__}.send_together", lambda *_: EXCESSES[name]())
    with pytest.raises(AssertionError, match=f"'{name}'"):
        assert_bounded(full_series, line)


@property_test
@given(content=WORST)
def test_the_worst_files_read_the_blocks_of_their_hours(
    full_series: DeviceCertificate, content: bytes
) -> None:
    assert_bounded(full_series, content)


@property_test
@given(contents=st.lists(ANY_LINES, min_size=1, max_size=3))
def test_any_lines_read_the_blocks_of_their_hours(
    full_series: DeviceCertificate, contents: list[bytes]
) -> None:
    assert_bounded(full_series, *contents)


@pytest.mark.slow
@settings(property_test, max_examples=400)
@given(contents=st.lists(WORST | ANY_LINES, min_size=1, max_size=20))
def test_no_request_costs_more_than_the_bound(
    full_series: DeviceCertificate, contents: list[bytes]
) -> None:
    """A search: each example tries to use more of the bound than those before it."""
    target(assert_bounded(full_series, *contents))


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


def test_an_hour_of_unsorted_blocks_waits_for_compaction(
    live_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(make_identity())
    for number in range(3):
        send(certificate, {MORNING + number: 1.0, MORNING + 9_000 - number: 1.0})
    monkeypatch.setattr("ingest.uploads.OverlapBudget", partial(OverlapBudget, 2 * BLOCK_COST))
    with pytest.raises(HourNotCompacted, match="2026-03-01T08:00Z") as refused:
        send(certificate, {MORNING + 2: 2.0})
    assert refused.value.retry_after >= 900
    compact(identity_id=certificate.identity_id, vacuum_at_end=False)
    assert send(certificate, {MORNING + 2: 2.0}).replaced == 1


def test_the_rows_of_an_hour_are_read_up_to_a_bound(
    certificate: DeviceCertificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_together(certificate, *({MORNING + 10 * number: 1.0} for number in range(30)))
    budget = OverlapBudget(left=4 * ROW_COST)
    monkeypatch.setattr("ingest.uploads.OverlapBudget", lambda: budget)
    with pytest.raises(HourNotCompacted):
        send(certificate, {MORNING + 5: 2.0, MORNING + 295: 2.0})
    assert budget.left == -ROW_COST


def test_one_sorted_hour_can_be_sent_in_smaller_parts() -> None:
    budget = OverlapBudget(left=10)
    budget.spend("hr", 1, 10, is_compacted=True)
    with pytest.raises(OverlapTooLarge):
        budget.spend("hr", 1, 1, is_compacted=True)


def test_the_columns_of_an_unsorted_hour_cannot_be_sent_apart() -> None:
    budget = OverlapBudget(left=10)
    budget.spend("acc.x", 1, 10, is_compacted=False)
    with pytest.raises(HourNotCompacted, match=r"of the series acc\.y"):
        budget.spend("acc.y", 1, 1, is_compacted=False)
    with pytest.raises(OverlapTooLarge):
        budget.spend("acc.x", 2, 1, is_compacted=False)


def test_a_request_holds_a_bounded_number_of_locks(certificate: DeviceCertificate) -> None:
    names = [f"s{number}.{column}" for number in range(100) for column in range(MAX_COLUMNS)]
    block_store.lock(certificate.identity_id, names)
    with connection.cursor() as cursor:
        cursor.execute(
            # Those of one bigint: Citus has advisory locks of its own.
            "SELECT count(*) FROM pg_locks"
            " WHERE locktype = 'advisory' AND objsubid = 1 AND pid = pg_backend_pid()"
        )
        (held,) = cursor.fetchone()
    assert LOCKS_PER_IDENTITY / 2 < held <= LOCKS_PER_IDENTITY


def test_columns_that_replace_anothers_are_searched_once(certificate: DeviceCertificate) -> None:
    """A file of all columns is read once for them, not for each."""
    other = make_certificate(certificate.identity)
    large = b"".join(one_line_of_columns(FIRST_MS + 1000 * second, 1) for second in range(200))
    send(other, large)
    with CaptureQueriesContext(connection) as queries:
        send(certificate, one_line_of_columns(FIRST_MS, 2))
    read = [query for query in queries if '"ingest_measurement"."content"' in query["sql"]]
    assert len(read) == 1
    found = SampleConflict.objects.filter(certificate=certificate, replaced_certificate=other)
    assert found.count() == MAX_COLUMNS


@pytest.mark.slow
def test_the_most_series_of_a_request(certificate: DeviceCertificate) -> None:
    """6,300 series, all of another device and all of them changed."""
    other = make_certificate(certificate.identity)
    send_together(other, *[one_line_of_columns(FIRST_MS, 1)] * 100, name="s{}")
    changed = [one_line_of_columns(FIRST_MS, 2)] * 100
    work = measure_work(lambda: send_together(certificate, *changed, name="s{}"))
    # An update for each series, and a few statements for each file.
    assert work.statements < 2 * 100 * MAX_COLUMNS
    assert SampleConflict.objects.filter(certificate=certificate).exists()


def test_a_search_that_takes_too_long_is_left_out(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        before = cursor.fetchone()
        assert fetch_within(0.001, "SELECT pg_sleep(%s)", [60]) is None
        assert fetch_within(60, "SELECT %s", ["found"]) == [("found",)]
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == before
