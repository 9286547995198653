"""Erasure concurrent with transactions that create rows of the identity leaves no orphan."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

import pytest
from django.db import connection, transaction

from alerts.incidents import update_incidents
from alerts.models import Incident, MonitorHeartbeat
from identities.credentials import issue_psk
from identities.models import Identity, lock_identity
from ingest.certificate_reassignment import NotReassignable, reassign
from ingest.certificate_renewal import issue_renewal_key
from ingest.device_requests import DeviceRequest
from ingest.maintenance.erasure import erase
from ingest.maintenance.orphans import Orphans, find_orphans
from ingest.models import DeviceCertificate, RetentionPolicy
from ingest.parsing.certificates import ClientCertificate
from ingest.registration import RegistrationFailed, register
from ingest.signals import identity_erased
from tests.ingest.maintenance.factories import MORNING, make_certificate, make_identity, send

pytestmark = pytest.mark.usefixtures("live_db")

Act = Callable[[], object]


@pytest.fixture(autouse=True)
def no_new_orphans(live_db: None) -> Iterator[None]:
    before = _orphans()
    yield
    assert _orphans() == before


def _orphans() -> set[Orphans]:
    return set(find_orphans())


def in_thread(pool: ThreadPoolExecutor, act: Act) -> Future[object]:
    def run() -> object:
        try:
            return act()
        finally:
            connection.close()

    return pool.submit(run)


def act_during_erasure(identity: Identity, act: Act) -> object:
    """Start ``act`` in the last transaction of erasure; return or raise what it does."""
    started: list[Future[object]] = []
    with ThreadPoolExecutor(1) as pool:

        def start(**kwargs: object) -> None:
            started.append(in_thread(pool, act))
            threading.Event().wait(0.3)  # until it waits for the lock, or a little less

        identity_erased.connect(start)
        try:
            erase(identity, by="ada")
        finally:
            identity_erased.disconnect(start)
        return started[0].result(timeout=60)


def registration(identity: Identity) -> Act:
    _, secret = issue_psk(identity)
    seed = uuid.uuid4().bytes * 2
    certificate = ClientCertificate(
        sha256=seed,
        der=seed,
        subject="CN=device",
        key_type="EC P-256",
        not_before=datetime(2026, 1, 1, tzinfo=UTC),
        not_after=datetime(2036, 1, 1, tzinfo=UTC),
    )
    return lambda: register(certificate, secret, DeviceRequest("192.0.2.1", "", None, "race"))


def test_a_registration_during_erasure_fails() -> None:
    identity = make_identity()
    with pytest.raises(RegistrationFailed):
        act_during_erasure(identity, registration(identity))
    assert not DeviceCertificate.objects.filter(identity_id=identity.pk).exists()


def test_a_renewal_during_erasure_finds_no_certificate() -> None:
    identity = make_identity()
    certificate = make_certificate(identity)
    with pytest.raises(Identity.DoesNotExist):
        act_during_erasure(identity, lambda: issue_renewal_key(certificate.pk))


@pytest.mark.parametrize("side", ["from", "to"])
def test_a_reassignment_during_erasure_fails(side: str) -> None:
    old, new = make_identity(), make_identity()
    certificate = make_certificate(old)
    erased = old if side == "from" else new
    with pytest.raises(NotReassignable, match="erased"):
        act_during_erasure(erased, lambda: reassign(certificate, new, by="ada", reason="swapped"))


def test_a_retention_policy_during_erasure_fails() -> None:
    identity = make_identity()
    with pytest.raises(Identity.DoesNotExist):
        act_during_erasure(
            identity, lambda: RetentionPolicy.objects.create(identity_id=identity.pk, keep_days=9)
        )


def test_monitoring_during_erasure_opens_no_incident() -> None:
    identity = make_identity()
    certificate = make_certificate(identity)
    now = datetime.now(UTC)
    DeviceCertificate.objects.filter(pk=certificate.pk).update(not_after=now.replace(year=2027))
    MonitorHeartbeat.objects.all().delete()
    act_during_erasure(identity, lambda: update_incidents(datetime(2026, 12, 25, tzinfo=UTC)))
    assert not Incident.objects.filter(identity_id=identity.pk).exists()


def test_erasure_waits_for_the_lock_and_deletes_its_rows() -> None:
    identity = make_identity()
    locked, release = threading.Event(), threading.Event()

    def bind() -> None:
        with transaction.atomic():
            lock_identity(identity.pk)
            locked.set()
            assert release.wait(60)
            make_certificate(identity)

    with ThreadPoolExecutor(2) as pool:
        binding = in_thread(pool, bind)
        assert locked.wait(60)
        erasure = in_thread(pool, lambda: erase(identity, by="ada"))
        threading.Event().wait(0.3)
        assert not erasure.done()
        release.set()
        binding.result(timeout=60)
        erasure.result(timeout=60)
    assert not DeviceCertificate.objects.filter(identity_id=identity.pk).exists()


def test_simultaneous_registration_and_erasure_leave_no_orphan() -> None:
    for identity in [make_identity() for _ in range(5)]:
        acts: list[Act] = [registration(identity), partial(erase, identity, by="ada")]
        with ThreadPoolExecutor(2) as pool:
            futures = [in_thread(pool, act) for act in acts]
            futures[1].result(timeout=60)
            assert isinstance(futures[0].exception(timeout=60), RegistrationFailed | None)
        assert not Identity.objects.filter(pk=identity.pk).exists()


def test_a_reassigned_certificate_outlives_its_first_identity() -> None:
    first, second = make_identity(), make_identity()
    old, new = make_certificate(first), make_certificate(first)
    key, _ = issue_psk(first)
    DeviceCertificate.objects.filter(pk=new.pk).update(replaces=old, bound_with=key)
    issue_renewal_key(new.pk)
    reassign(new, second, by="ada", reason="swapped")
    send(DeviceCertificate.objects.get(pk=new.pk), {MORNING: 1.0})
    erase(first, by="ada")
    new.refresh_from_db()
    assert (new.identity, new.replaces, new.bound_with) == (second, None, None)
