"""The changes feed names each stored file and each act of maintenance once, in order."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from analysis.queries import feed_cursor
from analysis.queries.changes import Change, read_changes
from analysis.queries.feed_cursor import CursorExpired, NotACursor, Position
from ingest.maintenance.erasure import erase
from ingest.maintenance.rebuild import rebuild_series
from ingest.maintenance.reparse import reparse
from ingest.maintenance.retention import prune
from ingest.maintenance.withdrawal import withdraw
from ingest.models import DeviceCertificate, Measurement, RetentionPolicy
from ingest.parsing.samples import FileLimits, TimeWindow
from tests.ingest.maintenance.factories import (
    DAY_MS,
    HOUR_MS,
    MORNING,
    WINDOW,
    make_certificate,
    make_identity,
    send,
)
from tests.support.database import database_address

pytestmark = pytest.mark.usefixtures("own_db")

_INSERT = """
INSERT INTO ingest_measurement (
    id, identity_id, certificate_id, name, filename, content_type, size, sha256, content,
    received_at, sequence, status, lines, samples, new, identical, replaced, repeated, rounded,
    first_ms, last_ms
) VALUES (%(id)s, %(number)s, 1, 'hr', '', '', 0, %(sha256)s, '', now(),
          nextval('ingest_measurement_sequence'), 'stored', 1, 1, 1, 0, 0, 0, 0, 0, 0)
"""


def insert(session: psycopg.Connection, number: int = 1) -> uuid.UUID:
    """Insert a stored file without samples, in the session's transaction."""
    row = uuid.uuid4()
    session.execute(_INSERT, {"id": row, "number": number, "sha256": row.bytes * 2})
    return row


def open_session() -> psycopg.Connection:
    return psycopg.connect(database_address(str(connection.settings_dict["NAME"])))


@pytest.fixture
def session() -> Iterator[psycopg.Connection]:
    with open_session() as opened:
        yield opened


def read_all(after: str | None = None, limit: int = 1000) -> tuple[list[Change], str]:
    """Read the feed to its end; return the changes and the last cursor."""
    changes: list[Change] = []
    while True:
        page = read_changes(after, limit=limit)
        changes += page.changes
        after = page.cursor
        if not page.has_more:
            return changes, after


def kinds(changes: list[Change]) -> list[str]:
    return [change.kind for change in changes]


@pytest.fixture
def certificate() -> DeviceCertificate:
    return make_certificate(make_identity())


def test_an_upload_names_its_range(certificate: DeviceCertificate) -> None:
    receipt = send(certificate, {MORNING: 60.0, MORNING + 5000: 61.0})
    (change,), cursor = read_all()
    assert change == Change(
        certificate.identity_id, certificate.identity.name, "hr", MORNING, MORNING + 5001,
        "stored", receipt.id, Measurement.objects.get(pk=receipt.id).received_at,
    )  # fmt: skip
    assert read_all(cursor) == ([], cursor)


def test_each_kind_of_change_has_its_name(certificate: DeviceCertificate) -> None:
    identity = certificate.identity
    first = send(certificate, {MORNING: 60.0})
    send(certificate, {MORNING: 61.0, MORNING + 1: 62.0})
    send(certificate, b"time_ms,x,y\n%d,1,\n%d,,2\n" % (MORNING, MORNING + 7), name="acc")
    send(certificate, {MORNING + DAY_MS: 5.0}, window=TimeWindow(0, MORNING + HOUR_MS))
    for _ in reparse(identity.pk, WINDOW, FileLimits(1000, 1000)):
        pass
    withdraw(Measurement.objects.get(pk=first.id), by="ada", reason="mistake")
    rebuild_series(identity.pk, "acc.x")
    before = read_all()[1]
    changes = read_all()[0]
    # The withdrawn file is no longer stored. The reparsed one is, since it was received.
    assert [(change.kind, change.name) for change in changes] == [
        ("replaced", "hr"), ("stored", "acc.x"), ("stored", "acc.y"), ("stored", "hr"),
        ("reparsed", "hr"), ("withdrawn", "hr"), ("replaced", "acc.x"),
    ]  # fmt: skip
    assert (changes[2].from_ms, changes[2].to_ms) == (MORNING + 7, MORNING + 8)
    RetentionPolicy.objects.create(identity=identity, keep_days=1)
    list(prune(MORNING + DAY_MS + HOUR_MS, "ada"))
    assert set(kinds(read_all(before)[0])) == {"erased"}
    erase(identity, by="ada")
    erased, _ = read_all(before)
    assert {(change.kind, change.identity) for change in erased} == {("erased", None)}
    assert {change.name for change in erased} == {"hr", "acc.x", "acc.y", "acc"}
    assert {change.identity_id for change in erased} == {identity.pk}


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_pages_of_any_size_name_the_same(certificate: DeviceCertificate, limit: int) -> None:
    for number in range(9):
        receipt = send(certificate, {MORNING + number: 1.0})
        if number % 3 == 0:
            withdraw(Measurement.objects.get(pk=receipt.id), by="ada", reason="mistake")
    assert read_all(limit=limit) == read_all()
    assert len(read_all()[0]) == 9


def test_many_files_of_one_transaction_are_paged(session: psycopg.Connection) -> None:
    rows = [insert(session) for _ in range(30)]
    session.execute("SELECT setval('ingest_measurement_sequence', 100000)")
    rows += [insert(session) for _ in range(5)]
    session.commit()
    assert [change.measurement for change in read_all(limit=4)[0]] == rows


def test_what_commits_later_is_never_skipped(session: psycopg.Connection) -> None:
    early = insert(session)
    with open_session() as other:
        late = insert(other)
    page = read_changes(None, limit=10)
    assert page.changes == []  # the early transaction may still commit
    session.commit()
    assert [change.measurement for change in read_all(page.cursor)[0]] == [early, late]


def test_savepoints_and_rollbacks_keep_the_order(session: psycopg.Connection) -> None:
    with session.transaction(), session.transaction():
        inner = insert(session)
    session.execute("SELECT 1")
    session.execute("SAVEPOINT one")
    insert(session)
    session.execute("ROLLBACK TO SAVEPOINT one")
    with open_session() as other:
        between = insert(other)
    after = read_all()[1]
    outer = insert(session)
    session.commit()
    found = [change.measurement for change in read_all()[0]]
    assert set(found) == {inner, between, outer}
    assert set(read_all(after)[0]) <= set(read_all()[0])


def test_a_transaction_of_another_database_holds_nothing_back(
    certificate: DeviceCertificate,
) -> None:
    with psycopg.connect(database_address("postgres")) as elsewhere:
        elsewhere.execute("SELECT pg_current_xact_id()")
        send(certificate, {MORNING: 60.0})
        assert kinds(read_all()[0]) == ["stored"]


@pytest.mark.parametrize("seed", range(3))
def test_parallel_writers_of_any_length_are_read_in_full(seed: int) -> None:
    stopped = threading.Event()
    found: list[uuid.UUID | None] = []

    def write(number: int) -> list[uuid.UUID]:
        source = random.Random(seed * 100 + number)  # noqa: S311
        rows: list[uuid.UUID] = []
        with open_session() as session:
            for _ in range(25):
                added = [insert(session, number)]
                time.sleep(source.choice([0, 0, 0.001, 0.02]))
                added.append(insert(session, number))
                if source.random() < 0.2:
                    session.rollback()
                else:
                    session.commit()
                    rows += added
        return rows

    def read() -> str | None:
        after = None
        while not stopped.is_set():
            page = read_changes(after, limit=random.Random(seed).choice([1, 3, 50]))  # noqa: S311
            found.extend(change.measurement for change in page.changes)
            after = page.cursor
        connection.close()
        return after

    with ThreadPoolExecutor(6) as pool:
        reader = pool.submit(read)
        written = [pool.submit(write, number) for number in range(1, 6)]
        rows = [writer.result() for writer in written]
        stopped.set()
        rest, _ = read_all(reader.result())
    found += [change.measurement for change in rest]
    assert sorted(map(str, found)) == sorted(str(row) for each in rows for row in each)
    for each in rows:  # the order within a series
        assert [row for row in found if row in set(each)] == each


def test_the_clock_of_the_server_does_not_order(certificate: DeviceCertificate) -> None:
    first = send(certificate, {MORNING: 1.0})
    after = read_all()[1]
    second = send(certificate, {MORNING + 1: 1.0})
    Measurement.objects.filter(pk=second.id).update(received_at=timezone.now().replace(year=2020))
    assert [change.measurement for change in read_all(after)[0]] == [second.id]
    assert [change.measurement for change in read_all()[0]] == [first.id, second.id]


def test_an_update_keeps_the_place_of_a_file(certificate: DeviceCertificate) -> None:
    receipt = send(certificate, {MORNING: 1.0})
    before = Measurement.objects.get(pk=receipt.id).transaction
    Measurement.objects.filter(pk=receipt.id).update(status="withdrawn", sequence=77)
    assert Measurement.objects.get(pk=receipt.id).transaction == before


def test_a_cursor_of_another_history_is_expired(certificate: DeviceCertificate) -> None:
    send(certificate, {MORNING: 1.0})
    cursor = read_all()[1]
    _, position = feed_cursor.decode_cursor(cursor)
    for expired in (
        f"0123456789abcdef.{cursor.partition('.')[2]}",
        f"{cursor.partition('.')[0]}.{position.transaction + 1000:x}.0.1",
        # As after a copy of the data directory was put back: the file is not there.
        f"{cursor.partition('.')[0]}.{position.transaction:x}.0.{position.number + 1:x}",
        f"{cursor.partition('.')[0]}.{position.transaction:x}.1.99",
    ):
        with pytest.raises(CursorExpired):
            read_changes(expired, limit=1)


def test_a_restored_table_is_another_history(certificate: DeviceCertificate) -> None:
    send(certificate, {MORNING: 1.0})
    cursor = read_all()[1]
    with connection.cursor() as statement:
        statement.execute("ALTER TABLE ingest_measurement RENAME TO restored")
        statement.execute("CREATE TABLE ingest_measurement (LIKE restored INCLUDING ALL)")
    with pytest.raises(CursorExpired):
        read_changes(cursor, limit=1)


def test_an_erasure_of_the_last_file_read_expires_nothing(certificate: DeviceCertificate) -> None:
    send(certificate, {MORNING: 1.0})
    cursor = read_all()[1]
    erase(certificate.identity, by="ada")
    assert kinds(read_all(cursor)[0]) == ["erased"]


@pytest.mark.parametrize("text", ["", "x", "0123456789abcdef.1.2.3", "0123456789abcdef.-1.0.1"])
def test_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(NotACursor):
        read_changes(text, limit=1)


def test_cursors_are_ordered_by_transaction() -> None:
    assert Position(2, 0, 1) > Position(1, 1, 9) > Position(1, 0, 9)
