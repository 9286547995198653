"""What a session has prepared and what this process knows of it may differ; uploads go on."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from ingest import certificate_lookup
from ingest.storage import prepared_statements
from tests.ingest.maintenance.factories import (
    MORNING,
    make_certificate,
    make_identity,
    send,
    send_together,
    stored,
)

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
