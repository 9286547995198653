"""A rolled back transaction makes psycopg forget what was prepared; uploads go on."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from tests.care.sending import MORNING, make_certificate, make_identity, send, stored

pytestmark = pytest.mark.usefixtures("live_db")


def roll_back_after_preparing() -> None:
    connection.ensure_connection()
    with transaction.atomic():
        connection.connection.execute("SELECT 1", prepare=True)
        transaction.set_rollback(True)
    connection.connection.execute("SELECT 1")


def test_a_file_alone_and_one_laid_over_are_stored_after_a_rollback() -> None:
    certificate = make_certificate(make_identity())
    send(certificate, {MORNING: 1.0})
    roll_back_after_preparing()
    send(certificate, {MORNING + 1: 1.0})
    roll_back_after_preparing()
    assert send(certificate, {MORNING: 2.0, MORNING + 1: 1.0}).replaced == 1
    assert stored(certificate.identity) == {MORNING: 2.0, MORNING + 1: 1.0}
