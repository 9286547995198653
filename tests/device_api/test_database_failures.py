"""Failures of the database, as devices see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connection

from identities.models import Identity
from ingest.models import DeviceCertificate
from tests.device_api.assertions import accepted, only_receipt, refused
from tests.device_api.database_locks import series_locked, wait_for_waiting
from tests.support.devices import Device
from tests.support.stored_data import file_count, sample_count, stored_samples

FILE = ("hr", "f", b"1526292559000,1\n")
NewKey = Callable[..., str]


def end_all_connections() -> None:
    """End every connection to this database but the test's own, as a restart would."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )


@contextmanager
def read_only() -> Iterator[None]:
    """Let new connections change nothing, as on a replica."""

    def set_default(value: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = off")
            name = connection.ops.quote_name(connection.settings_dict["NAME"])
            cursor.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {value}")
        end_all_connections()

    set_default("on")
    try:
        yield
    finally:
        set_default("off")


def test_a_lost_connection_is_not_noticed_by_an_upload(bound: Device, identity: Identity) -> None:
    for number in range(8):
        end_all_connections()
        content = b"%d,1\n" % (1526292559000 + number)
        assert only_receipt(accepted(bound.upload(("hr", "f", content))))["status"] == "stored"
    assert len(stored_samples(identity, "hr")) == 8


def test_registration_and_check_survive_a_lost_connection(
    new_bound: Callable[..., Device], new_key: NewKey
) -> None:
    for _ in range(4):
        end_all_connections()
        device = new_bound()
        end_all_connections()
        accepted(device.whoami())
        end_all_connections()
        refused(device.register("wrong"), 400, "registration_failed")


def test_a_connection_lost_amid_an_upload_is_mended(bound: Device, identity: Identity) -> None:
    with ThreadPoolExecutor(1) as pool:
        with series_locked(identity, "hr"):
            waiting = pool.submit(bound.upload, FILE)
            wait_for_waiting(1)
            end_all_connections()
            wait_for_waiting(1)
        assert only_receipt(accepted(waiting.result(60)))["status"] == "stored"
    assert file_count(identity) == sample_count(identity) == 1


def test_a_read_only_database_gives_503_and_loses_nothing(
    bound: Device, device: Device, new_key: NewKey, identity: Identity
) -> None:
    psk = new_key()
    with read_only():
        for _ in range(4):
            answer = bound.upload(FILE)
            refused(answer, 503, "database_unavailable")
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
            refused(device.register(psk), 503, "database_unavailable")
    assert only_receipt(accepted(bound.upload(FILE)))["status"] == "stored"
    accepted(device.register(psk))


@pytest.mark.parametrize("shut_out", ["suspended", "revoked", "inactive"])
@pytest.mark.parametrize("files", [1, 2])
def test_a_device_refused_during_a_waiting_upload_stores_nothing(
    bound: Device, identity: Identity, shut_out: str, files: int
) -> None:
    accepted(bound.whoami())
    sent = [FILE, ("hr", "g", b"1526292559000,2\n")][:files]
    with ThreadPoolExecutor(1) as pool:
        with series_locked(identity, "hr"):
            waiting = pool.submit(bound.upload, *sent)
            wait_for_waiting(1)
            if shut_out == "inactive":
                Identity.objects.filter(pk=identity.pk).update(is_active=False)
                code = "identity_inactive"
            else:
                found = DeviceCertificate.objects.filter(sha256=bytes.fromhex(bound.sha256))
                found.update(state=shut_out)
                code = f"certificate_{shut_out}"
        refused(waiting.result(60), 403, code)
    assert file_count(identity) == 0
