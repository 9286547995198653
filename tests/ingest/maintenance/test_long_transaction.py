"""No maintenance transaction holds the changes feed back for longer than a minute."""

from __future__ import annotations

import threading

import psycopg
import pytest
from django.db import OperationalError, connection, connections

from ingest.maintenance.long_transaction import (
    MAX_WRITING_SECONDS,
    transaction_without_timeouts,
)
from ingest.models import DataDeletion
from tests.support.database import database_address


def begin_deletion(reference: str) -> None:
    DataDeletion.objects.create(
        kind=DataDeletion.Kind.ERASURE, identity_number=1, created_by="test", reference=reference
    )


def write_without_end() -> None:
    waiting = threading.Event()
    with transaction_without_timeouts(max_writing_seconds=0.6):
        begin_deletion("too long")
        while True:  # neither one statement that lasts, nor idle for long
            waiting.wait(0.02)
            DataDeletion.objects.filter(reference="too long").exists()


def test_a_transaction_that_writes_for_too_long_is_ended(live_db: None) -> None:
    with pytest.raises(OperationalError):
        write_without_end()
    connection.close()
    assert not DataDeletion.objects.filter(reference="too long").exists()


@pytest.mark.slow
def test_waiting_for_a_lock_does_not_count(live_db: None) -> None:
    key = 7_253_001
    with psycopg.connect(database_address(), autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [key])
        release = threading.Timer(4.0, holder.execute, ["SELECT pg_advisory_unlock_all()"])
        release.start()
        with transaction_without_timeouts(max_writing_seconds=3.0):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])
            begin_deletion("in time")
        release.join()
    assert DataDeletion.objects.filter(reference="in time").delete()[0] == 1
    connections.close_all()


def test_the_limit_is_a_minute() -> None:
    assert MAX_WRITING_SECONDS == 60.0
