"""Compaction: fewer blocks, the same samples, at any moment."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import OperationalError, connection

from device_endpoint.env import PROJECT_DIR
from identities.cluster import is_cluster
from identities.models import Identity
from ingest.maintenance.compaction import compact
from ingest.models import SampleBlock
from ingest.storage import block_store
from tests.ingest.maintenance.factories import (
    HOUR_MS,
    MORNING,
    blocks_of,
    make_certificate,
    make_identity,
    send,
    stored,
)
from tests.support.database import database_address

pytestmark = pytest.mark.usefixtures("own_db")


def test_small_blocks_of_an_hour_become_one_unchanged() -> None:
    certificate = make_certificate(make_identity())
    samples = {MORNING + 1000 * i: random.uniform(-1e9, 1e9) for i in range(700)}  # noqa: S311
    times = list(samples)
    for start in range(100):  # interleaved, so that blocks overlap in time
        send(certificate, {time: samples[time] for time in times[start::100]})
    identity = certificate.identity
    assert blocks_of(identity) == 100
    done = compact(identity_id=identity.pk)
    assert (done.hours, done.blocks_before, done.blocks_after, done.samples) == (1, 100, 1, 700)
    assert stored(identity) == samples
    block = SampleBlock.objects.get(identity=identity)
    assert (block.first_ms, block.last_ms) == (times[0], times[-1])
    assert block.sample_count == 700
    assert (block.minimum, block.maximum) == (min(samples.values()), max(samples.values()))


def test_blocks_span_one_hour_and_at_most_8192_samples() -> None:
    certificate = make_certificate(make_identity())
    samples = {MORNING + 200 * i: float(i) for i in range(27_000)}  # 90 minutes at 5 Hz
    times = list(samples)
    for start in range(0, len(times), 900):
        send(certificate, {time: samples[time] for time in times[start : start + 900]})
    compact(identity_id=certificate.identity_id)
    rows = SampleBlock.objects.filter(identity=certificate.identity).order_by("first_ms")
    assert [row.sample_count for row in rows] == [8192, 8192, 1616, 8192, 808]
    assert [row.hour - MORNING // HOUR_MS for row in rows] == [0, 0, 0, 1, 1]
    assert stored(certificate.identity) == samples
    assert compact(identity_id=certificate.identity_id).hours == 0  # as few as fit


def compressions(identity: Identity) -> list[str | None]:
    """Return how PostgreSQL has compressed the values of each block, None where it has not."""
    with connection.cursor() as cursor:
        cursor.execute(
            # An upload writes the one, compaction the other.
            "SELECT coalesce(pg_column_compression(small_integers),"
            " pg_column_compression(differences)) FROM ingest_sampleblock"
            " WHERE identity_id = %s ORDER BY first_ms",
            [identity.pk],
        )
        return [row[0] for row in cursor.fetchall()]


def test_compaction_compresses_uploaded_and_rewritten_blocks() -> None:
    certificate = make_certificate(make_identity())
    identity = certificate.identity
    samples = {MORNING + 1000 * i: float(i % 50) for i in range(3600)}
    send(certificate, samples)
    assert any(compressions(identity)) == is_cluster()  # whose nodes compress what they store
    assert compact(identity_id=identity.pk).hours == 1
    assert all(compressions(identity))
    send(certificate, {MORNING: 7.5})
    assert any(compressions(identity)) == is_cluster()
    assert compact(identity_id=identity.pk).hours == 1
    assert all(compressions(identity))
    assert stored(identity) == samples | {MORNING: 7.5}


def test_evenly_spaced_times_are_two_numbers_and_equal_in_sql() -> None:
    certificate = make_certificate(make_identity())
    identity = certificate.identity
    samples = {MORNING + 1000 * i: float(i % 50) for i in range(3600)}
    uneven = {MORNING + HOUR_MS + i * i: float(i) for i in range(100)}
    send(certificate, samples)
    send(certificate, uneven)
    compact(identity_id=identity.pk)
    rows = SampleBlock.objects.filter(identity=identity).order_by("first_ms")
    assert [(row.encoding, row.offsets) for row in rows] == [(2, [0, 1000]), (5, None)]
    view = (
        "SELECT extract(epoch FROM time) * 1000, value FROM analytics.samples WHERE identity = %s"
    )
    between = """
        SELECT extract(epoch FROM time) * 1000, value
        FROM analytics.samples_between(%s, 'hr', '1970-01-01', '2100-01-01')
    """
    buckets = """
        SELECT sum(samples), min(minimum), max(maximum) FROM analytics.buckets_between(
            %s, 'hr', '1970-01-01', '2100-01-01', '7 minutes')
    """
    with connection.cursor() as cursor:
        for statement in (view, between):
            cursor.execute(statement, [identity.name])
            found = {int(time): value for time, value in cursor.fetchall()}
            assert found == samples | uneven
        cursor.execute(buckets, [identity.name])
        assert cursor.fetchone() == (3700, 0, 99)
    send(certificate, {MORNING: 7.5, MORNING + 1: 8.5})  # over a block that is packed
    assert stored(identity) == samples | uneven | {MORNING: 7.5, MORNING + 1: 8.5}
    compact(identity_id=identity.pk)
    assert stored(identity) == samples | uneven | {MORNING: 7.5, MORNING + 1: 8.5}


def test_the_space_of_replaced_blocks_is_reused(
    own_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def size() -> int:
        with connection.cursor() as cursor:
            of_all_nodes = "citus" if is_cluster() else "pg"
            cursor.execute(f"SELECT {of_all_nodes}_total_relation_size('ingest_sampleblock')")
            (found,) = cursor.fetchone() or (0,)
        return int(found)

    monkeypatch.setattr("ingest.maintenance.compaction.MIN_VACUUM_BYTES", 30_000)
    certificate = make_certificate(make_identity())
    before = size()
    sizes = []
    for day in range(3):
        for hour in range(24 * day, 24 * day + 24):
            first = MORNING + hour * HOUR_MS
            send(certificate, {first + 1000 * i: float(i % 50) for i in range(3600)})
        sizes.append(size() - before)
        compact(identity_id=certificate.identity_id)
    # Three days in little more than the first took, which was there before as well as after.
    assert size() - before < 1.8 * sizes[0]


def test_the_current_hour_is_compacted_only_on_request() -> None:
    certificate = make_certificate(make_identity())
    now = int(time.time() * 1000) + HOUR_MS
    for i in range(3):
        send(certificate, {now // HOUR_MS * HOUR_MS + i: 1.0})
    assert compact(identity_id=certificate.identity_id).hours == 0
    assert compact(identity_id=certificate.identity_id, include_unfinished=True).blocks_after == 1


def test_an_hour_of_too_many_blocks_for_one_step_is_merged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingest.maintenance.compaction.MAX_BLOCKS_AT_ONCE", 8)
    certificate = make_certificate(make_identity())
    for i in range(50):
        send(certificate, {MORNING + i: float(i)})
    compact(identity_id=certificate.identity_id)
    assert blocks_of(certificate.identity) == 1
    assert stored(certificate.identity) == {MORNING + i: float(i) for i in range(50)}


def test_a_full_page_of_candidates_is_followed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.maintenance.compaction_candidates.HOURS_PER_QUERY", 3)
    certificate = make_certificate(make_identity())
    for hour in range(8):
        for i in range(2):
            send(certificate, {MORNING + hour * HOUR_MS + i: float(i)}, name=f"s{hour % 2}")
    done = compact(identity_id=certificate.identity_id)
    assert (done.hours, done.blocks_before, done.blocks_after) == (8, 16, 8)


@pytest.fixture
def busy_series() -> Iterator[tuple[int, threading.Event]]:
    """Hold the lock of a series from another connection until the event is set."""
    identity_id = make_identity().pk
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        with connection.cursor() as cursor:
            number = block_store.series_lock(identity_id, "hr")
            cursor.execute("SELECT pg_advisory_lock(%s)", [number])
            held.set()
            free.wait(60)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(30)
    yield identity_id, free
    free.set()
    thread.join()


def test_a_locked_series_is_left_to_a_later_run(
    busy_series: tuple[int, threading.Event],
) -> None:
    identity_id, free = busy_series
    for i in range(2):
        SampleBlock.objects.create(
            identity_id=identity_id, name="hr", hour=MORNING // HOUR_MS + i,
            first_ms=MORNING + HOUR_MS * i, last_ms=MORNING + HOUR_MS * i, sample_count=1,
            minimum=1, maximum=1, total=1, offsets=[0], values=[1.0],
        )  # fmt: skip
    done = compact(identity_id=identity_id)
    assert (done.hours, done.busy) == (0, 2)
    free.set()
    deadline = time.monotonic() + 30
    while not compact(identity_id=identity_id).hours:
        assert time.monotonic() < deadline


def end_session_after_deletion(
    execute: Callable[..., Any], statement: str, parameters: Any, many: bool, context: Any
) -> Any:
    """Let the server end the session once it has deleted blocks."""
    result = execute(statement, parameters, many, context)
    if statement.lstrip().startswith("DELETE FROM ingest_sampleblock"):
        session = connection.connection.info.backend_pid
        with psycopg.connect(database_address("postgres")) as other:
            other.execute("SELECT pg_terminate_backend(%s::int, 30000)", [session])
    return result


def test_an_interrupted_run_leaves_the_hours_unchanged() -> None:
    certificate = make_certificate(make_identity())
    samples = {MORNING + HOUR_MS // 5 * i: float(i) for i in range(10)}  # of two hours
    for moment, value in samples.items():
        send(certificate, {moment: value})
    # The old blocks are deleted, the new ones not yet written.
    with (
        connection.execute_wrapper(end_session_after_deletion),
        pytest.raises(OperationalError),
    ):
        compact(identity_id=certificate.identity_id)
    connection.close()
    assert blocks_of(certificate.identity) == 10
    assert compact(identity_id=certificate.identity_id).blocks_after == 2
    assert stored(certificate.identity) == samples


def test_the_command_prints_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    certificate = make_certificate(make_identity())
    for i in range(3):
        send(certificate, {MORNING + i: 1.0})
    call_command("compact", "--identity", certificate.identity.name.upper(), "--json")
    assert json.loads(capsys.readouterr().out) == {
        "hours": 1, "blocks_before": 3, "blocks_after": 1, "samples": 3, "busy": 0, "damaged": 0,
    }  # fmt: skip


def test_the_periodic_command_repeats_until_sigterm() -> None:
    certificate = make_certificate(make_identity())
    for i in range(3):
        send(certificate, {MORNING + i: 1.0})
    name = certificate.identity.name
    process = subprocess.Popen(
        [sys.executable, "manage.py", "compact", "--every", "1", "--identity", name],
        cwd=PROJECT_DIR,
        env={**os.environ, "DATABASE_URL": database_address(str(connection.settings_dict["NAME"]))},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("1 hours: 3 blocks merged into 1")
            send(certificate, {MORNING + 5: 1.0})
            assert process.stdout.readline().startswith("1 hours: 2 blocks merged into 1")
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
