"""An installation with quotas: live certificates of an identity, and its bytes of a day.

Both hold against real concurrency: several devices, several processes of the device API.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from identities.models import Identity
from ingest.models import DailyUsage, DeviceCertificate, RegistrationAttempt
from tests.device_api.assertions import (
    Answer,
    accepted,
    only_receipt,
    refused,
)
from tests.support.concurrency import at_once
from tests.support.database import database_address
from tests.support.devices import Device
from tests.support.stack import Stack
from tests.support.stored_data import file_count

pytestmark = pytest.mark.slow

NewKey = Callable[..., str]
CERTIFICATES = 3
BYTES = 2000
DAY_SECONDS = 86_400


@pytest.fixture(scope="module")
def limited_stack(
    django_db_setup: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    address = database_address()
    settings = {
        "DATABASE_URL": address,
        "DEVICE_WORKERS": "3",
        "MAX_CERTIFICATES_PER_IDENTITY": str(CERTIFICATES),
        "IDENTITY_DAILY_QUOTA_BYTES": str(BYTES),
    }
    running = Stack(tmp_path_factory.mktemp("limited"), settings)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def make(limited_stack: Stack, tmp_path: Path) -> Iterator[Callable[[], Device]]:
    made: list[Device] = []

    def one() -> Device:
        folder = tmp_path / str(len(made))
        made.append(Device(limited_stack.device_url, limited_stack.ca_file, folder))
        return made[-1]

    yield one
    for device in made:
        device.close()


@pytest.fixture
def registered(make: Callable[[], Device], new_key: NewKey) -> Device:
    device = make()
    accepted(device.register(new_key()))
    return device


def lines(size: int, seed: int = 0) -> bytes:
    """Return ``size`` bytes of samples, others for another ``seed``."""
    first = b"".join(b"%d,1\n" % (1_600_000_000_000 + seed * 100 + at) for at in range(size // 16))
    return first + b"\n" * (size - len(first))


def test_the_quotas_are_published_where_there_are_any(registered: Device) -> None:
    limits = accepted(registered.whoami())["limits"]
    assert limits["certificates_per_identity"] == CERTIFICATES
    assert limits["bytes_per_identity_and_day"] == BYTES


@pytest.mark.parametrize("attempt", range(5))
def test_eight_devices_at_once_do_not_exceed_the_quota(
    make: Callable[[], Device], new_key: NewKey, identity: Identity, attempt: int
) -> None:
    psk = new_key(max_uses=20)
    answers = at_once([partial(make().register, psk) for _ in range(8)])
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [400] * 5
    for answer in answers:
        if answer.status_code == 400:
            refused(answer, 400, "registration_failed")
    assert identity.certificates.count() == CERTIFICATES
    assert identity.keys.get().uses == CERTIFICATES
    outcomes = RegistrationAttempt.objects.filter(identity=identity).values_list(
        "outcome", flat=True
    )
    assert sorted(outcomes) == ["certificates_used_up"] * 5 + ["registered"] * 3


def test_the_refusal_is_that_of_an_unknown_key_byte_for_byte(
    make: Callable[[], Device], new_key: NewKey
) -> None:
    psk = new_key(max_uses=20)
    for _ in range(CERTIFICATES):
        accepted(make().register(psk))
    bodies = set()
    for key in (psk, "dpsk_" + "0" * 33):
        answer = Answer.of(make().register(key))
        refused(answer, 400, "registration_failed")
        bodies.add(answer.body.replace(answer.headers["x-request-id"].encode(), b""))
    assert len(bodies) == 1


def test_ended_certificates_leave_the_quota_and_bound_ones_stay(
    make: Callable[[], Device], new_key: NewKey, identity: Identity
) -> None:
    psk = new_key(max_uses=20)
    bound = [make() for _ in range(CERTIFICATES)]
    for device in bound:
        accepted(device.register(psk))
    late = make()
    assert accepted(bound[0].register(psk))["already_bound"] is True
    certificate = identity.certificates.filter(sha256=bytes.fromhex(bound[1].sha256))
    certificate.update(state=DeviceCertificate.State.SUSPENDED)
    refused(late.register(psk), 400, "registration_failed")
    certificate.update(state=DeviceCertificate.State.REVOKED)
    accepted(late.register(psk))
    refused(make().register(psk), 400, "registration_failed")
    identity.certificates.filter(sha256=bytes.fromhex(bound[2].sha256)).update(
        not_after=timezone.now()
    )
    accepted(make().register(psk))


def test_an_identity_at_its_quota_can_renew_a_certificate(
    make: Callable[[], Device], new_key: NewKey, identity: Identity
) -> None:
    psk = new_key(max_uses=CERTIFICATES)
    bound = [make() for _ in range(CERTIFICATES)]
    for device in bound:
        accepted(device.register(psk))
    accepted(make().register(bound[0].post(json={"roll": True}).json()["PSK"]))
    # A successor without a request is lost: another one takes its place in the quota.
    again = bound[0].post(json={"roll": True}).json()["PSK"]
    accepted(make().register(again))
    active = identity.certificates.filter(state="active", retires_at=None)
    assert active.count() == CERTIFICATES


def test_uploads_at_once_never_keep_more_than_the_bytes_of_a_day(
    registered: Device, identity: Identity, limited_stack: Stack
) -> None:
    files = [(f"s{number}", "f", lines(300, number)) for number in range(16)]
    answers = at_once([partial(registered.upload, file) for file in files])
    stored = [at for at, answer in enumerate(answers) if answer.status_code == 200]
    late = [at for at, answer in enumerate(answers) if answer.status_code == 429]
    assert (len(stored), len(late)) == (6, 10)
    for at in late:
        refused(answers[at], 429, "too_many_requests")
        assert 0 < int(answers[at].headers["Retry-After"]) <= DAY_SECONDS + 300
    assert file_count(identity) == 6
    used = DailyUsage.objects.get(identity=identity)
    assert (used.bytes, used.refused) == (1800, 10)
    found = re.search(
        r"^device_endpoint_uploads_over_quota_total (\d+)",
        limited_stack.get_staff("/metrics")[2],
        re.M,
    )
    assert found
    assert float(found[1]) >= 10
    # Who lost the answer gets it, however full the day is.
    for at in stored:
        assert only_receipt(accepted(registered.upload(files[at])))["status"] == "duplicate"
    refused(registered.upload(files[late[0]], files[stored[0]]), 429, "too_many_requests")
    assert file_count(identity) == 6


def test_the_files_of_a_request_are_all_stored_or_none(
    registered: Device, identity: Identity
) -> None:
    refused(
        registered.upload(*((f"s{number}", "f", lines(700)) for number in range(3))),
        413,
        "request_too_large",
    )
    accepted(registered.upload(("hr", "f", lines(700)), ("hr", "g", lines(700))))
    assert DailyUsage.objects.get(identity=identity).bytes == 700
    refused(
        registered.upload(("a", "f", lines(600)), ("b", "f", lines(800))), 429, "too_many_requests"
    )
    assert file_count(identity) == 1


def test_rejected_files_count_too(registered: Device, identity: Identity) -> None:
    refused(registered.upload(("hr", "f", b"x" * 1500)), 422, "unreadable_file", "files")
    refused(registered.upload(("hr", "f", b"y" * 1500)), 429, "too_many_requests")
    refused(registered.upload(("hr", "f", b"x" * 1500)), 422, "unreadable_file", "files")
    assert file_count(identity) == 1


def test_a_file_larger_than_any_day_is_refused_for_good(registered: Device) -> None:
    refused(registered.upload(("hr", "f", lines(BYTES + 1))), 413, "request_too_large")
    accepted(registered.upload(("hr", "f", lines(BYTES))))


def test_another_identity_and_another_day_have_their_own_quota(
    registered: Device,
    identity: Identity,
    make: Callable[[], Device],
    new_key: NewKey,
    new_identity: Callable[[], Identity],
) -> None:
    accepted(registered.upload(("hr", "f", lines(BYTES))))
    refused(registered.upload(("hr", "f", lines(100, 1))), 429, "too_many_requests")
    other = make()
    accepted(other.register(new_key(new_identity())))
    accepted(other.upload(("hr", "f", lines(100))))
    yesterday = timezone.now().date() - timedelta(days=1)
    DailyUsage.objects.filter(identity=identity).update(day=yesterday)
    accepted(registered.upload(("hr", "f", lines(100, 1))))
    assert DailyUsage.objects.get(identity=identity).bytes == 100


def test_staff_see_refused_uploads(registered: Device, identity: Identity) -> None:
    accepted(registered.upload(("hr", "f", lines(BYTES))))
    refused(registered.upload(("hr", "f", lines(100, 1))), 429, "too_many_requests")
    client = Client()
    user = get_user_model().objects.create_superuser(f"quota-{identity.name}")
    client.force_login(user)
    page = client.get(
        reverse("admin:analysis_overview_identity", args=[identity.name]), secure=True
    ).content.decode()
    assert "1 upload on" in page
    assert "IDENTITY_DAILY_QUOTA_BYTES" in page
    user.delete()
