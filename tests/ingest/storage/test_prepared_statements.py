"""What a session has prepared and what this process knows of it may differ; uploads go on."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from ingest import certificate_lookup
from ingest.storage import prepared_statements, transactions
from tests.ingest.maintenance.factories import (
    MORNING,
    make_certificate,
    make_identity,
    send,
    send_together,
    stored,
)

# With the parameters of the search for the files of replaced values.
SLOW_SEARCH = "SELECT pg_sleep(1), %s, %s, %s, %s::varchar[], %s, %s, %s, %s"

pytestmark = pytest.mark.usefixtures("live_db")


def roll_back_after_preparing() -> None:
    connection.ensure_connection()
    connection.connection.prepare_threshold = 5  # as in the services; None prepares nothing
    with transaction.atomic():
        connection.connection.execute("SELECT 1", prepare=True)
        transaction.set_rollback(True)
    connection.connection.execute("SELECT 1")


def test_files_are_stored_after_a_rollback() -> None:
    certificate = make_certificate(make_identity())
    send(certificate, {MORNING: 1.0})
    roll_back_after_preparing()
    send(certificate, {MORNING + 1: 1.0})
    roll_back_after_preparing()
    assert send(certificate, {MORNING: 2.0, MORNING + 1: 1.0}).replaced == 1
    assert stored(certificate.identity) == {MORNING: 2.0, MORNING + 1: 1.0}


@pytest.mark.parametrize("has_prepared", [True, False])
def test_files_are_stored_after_a_query_that_took_too_long(has_prepared: bool) -> None:
    certificate = make_certificate(make_identity())
    send(certificate, {MORNING: 1.0})
    connection.connection.prepare_threshold = 5
    with transaction.atomic():
        connection.connection.execute("SELECT 1", prepare=has_prepared)
        assert transactions.fetch_within(0.01, "SELECT pg_sleep(10)", []) is None
        assert certificate_lookup.fetch(bytes(certificate.sha256)) is not None
    send(certificate, {MORNING + 1: 1.0})
    assert stored(certificate.identity) == {MORNING: 1.0, MORNING + 1: 1.0}


def test_a_search_that_took_too_long_fails_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(identity := make_identity())
    make_certificate(identity)  # the device of the other values that are searched for
    connection.connection.prepare_threshold = 1
    for value in range(4):  # until psycopg has prepared the statements of overlapping files
        send_together(certificate, {MORNING: float(value)}, {MORNING + 1: float(value)})
    monkeypatch.setattr("ingest.sample_conflicts.MAX_SEARCH_SECONDS", 0.001)
    monkeypatch.setattr("ingest.sample_conflicts._FILES", SLOW_SEARCH)
    both = send_together(certificate, {MORNING: 8.0}, {MORNING + 1: 9.0})
    assert [receipt.replaced for receipt in both] == [1, 1]


def forget_what_is_prepared() -> None:
    """Leave the session's statements in it, as a session that a pooler hands over has them."""
    prepared_statements._prepared.clear()


def test_files_are_stored_in_a_session_with_unknown_statements() -> None:
    certificate = make_certificate(make_identity())
    send(certificate, {MORNING: 1.0})
    forget_what_is_prepared()
    assert certificate_lookup.fetch(bytes(certificate.sha256)) is not None
    send(certificate, {MORNING + 1: 1.0})
    forget_what_is_prepared()
    assert certificate_lookup.fetch(bytes(certificate.sha256)) is not None
    # Inside a transaction the refusal of the session ends it: it is tried again.
    forget_what_is_prepared()
    both = send_together(certificate, {MORNING: 2.0}, {MORNING + 1: 3.0})
    assert [receipt.replaced for receipt in both] == [1, 1]
    assert stored(certificate.identity) == {MORNING: 2.0, MORNING + 1: 3.0}
