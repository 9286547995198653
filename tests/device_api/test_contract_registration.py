"""POST application/json: a key binds the certificate, safely to repeat."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from identities.models import Identity, PreSharedKey
from ingest.models import DeviceCertificate, RegistrationAttempt
from tests.device_api.assertions import Answer, accepted, refused
from tests.device_api.conftest import MakeDevice
from tests.support.devices import Device

NewKey = Callable[..., str]
NewBound = Callable[..., Device]
KEYS = {"identity", "certificate", "already_bound"}


def uses(identity: Identity) -> list[int]:
    return list(identity.keys.order_by("id").values_list("uses", flat=True))


def without_request_id(response: Answer) -> bytes:
    identifier = response.headers["x-request-id"].encode()
    assert response.body.count(identifier) == 1
    return response.body.replace(identifier, b"")


def test_a_good_key_binds_the_certificate(
    device: Device, new_key: NewKey, identity: Identity
) -> None:
    body = accepted(device.register(new_key()))
    assert set(body) == KEYS
    assert body["identity"] == identity.name
    assert set(body["certificate"]) == {"sha256", "not_after"}
    assert body["certificate"]["sha256"] == device.sha256
    not_after = datetime.fromisoformat(body["certificate"]["not_after"])
    assert not_after == device.certificate.not_valid_after_utc
    assert body["already_bound"] is False
    assert uses(identity) == [1]
    assert DeviceCertificate.objects.get(sha256=bytes.fromhex(device.sha256)).identity == identity


def test_registering_again_costs_no_use(
    device: Device, new_key: NewKey, identity: Identity
) -> None:
    psk = new_key()
    first = accepted(device.register(psk))
    for _ in range(3):
        assert accepted(device.register(psk)) == {**first, "already_bound": True}
    assert uses(identity) == [1]


def test_another_key_of_the_identity_works_and_keeps_its_use(
    bound: Device, new_key: NewKey, identity: Identity
) -> None:
    assert accepted(bound.register(new_key()))["already_bound"] is True
    assert uses(identity) == [1, 0]


def test_an_expired_key_is_good_enough_to_repeat(
    device: Device, new_key: NewKey, identity: Identity
) -> None:
    psk = new_key()
    device.register(psk)
    identity.keys.update(expires_at=timezone.now() - timedelta(days=1))
    assert accepted(device.register(psk))["already_bound"] is True


def test_a_revoked_key_is_not_good_enough_to_repeat(
    device: Device, new_key: NewKey, identity: Identity
) -> None:
    psk = new_key()
    device.register(psk)
    identity.keys.update(revoked_at=timezone.now())
    refused(device.register(psk), 400, "registration_failed")
    assert accepted(device.whoami())["already_bound"] is True


def test_a_key_for_several_devices_counts_them(
    make_device: MakeDevice, new_key: NewKey, identity: Identity
) -> None:
    psk = new_key(max_uses=2)
    assert accepted(make_device().register(psk))["already_bound"] is False
    assert accepted(make_device().register(psk))["already_bound"] is False
    refused(make_device().register(psk), 400, "registration_failed")
    assert uses(identity) == [2]


Spoil = Callable[[PreSharedKey], object]


def _use_up(key: PreSharedKey) -> None:
    PreSharedKey.objects.filter(pk=key.pk).update(uses=key.max_uses)


def _expire(key: PreSharedKey) -> None:
    PreSharedKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())


def _revoke(key: PreSharedKey) -> None:
    PreSharedKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())


def _deactivate(key: PreSharedKey) -> None:
    Identity.objects.filter(pk=key.identity_id).update(is_active=False)


def test_r27_refusals_differ_only_in_the_request_id(
    make_device: MakeDevice,
    new_key: NewKey,
    new_identity: Callable[[], Identity],
    new_bound: NewBound,
) -> None:
    spoils: dict[str, Spoil] = {
        "psk_exhausted": _use_up,
        "psk_expired": _expire,
        "psk_revoked": _revoke,
        "identity_inactive": _deactivate,
    }
    answers: dict[str, Answer] = {}
    for outcome, spoil in spoils.items():
        owner = new_identity()
        psk = new_key(owner)
        spoil(owner.keys.get())
        answers[outcome] = Answer.of(make_device().register(psk))
    unknown = new_key()
    PreSharedKey.objects.latest("id").delete()
    answers["psk_unknown"] = Answer.of(make_device().register(unknown))
    answers["psk_malformed"] = Answer.of(make_device().register("secret_token"))
    answers["certificate_bound_elsewhere"] = Answer.of(
        new_bound(new_identity()).register(new_key())
    )
    for state in ("suspended", "revoked"):
        shut_out = new_bound()
        DeviceCertificate.objects.filter(sha256=bytes.fromhex(shut_out.sha256)).update(state=state)
        answers[f"certificate_{state}"] = Answer.of(shut_out.register(new_key()))

    for outcome, answer in answers.items():
        refused(answer, 400, "registration_failed")
        recorded = RegistrationAttempt.objects.get(request_id=answer.headers["x-request-id"])
        assert recorded.outcome == outcome
    assert len({without_request_id(answer) for answer in answers.values()}) == 1
    volatile = {"date", "x-request-id"}
    shown = [
        {name: value for name, value in answer.headers.items() if name not in volatile}
        for answer in answers.values()
    ]
    assert all(headers == shown[0] for headers in shown)


def test_r29_a_refused_key_is_not_consumed(
    bound: Device, new_key: NewKey, new_identity: Callable[[], Identity]
) -> None:
    other = new_identity()
    psk = new_key(other)
    refused(bound.register(psk), 400, "registration_failed")
    assert uses(other) == [0]


def test_a_revoked_certificate_stays_revoked(bound: Device, new_key: NewKey) -> None:
    found = DeviceCertificate.objects.filter(sha256=bytes.fromhex(bound.sha256))
    found.update(state=DeviceCertificate.State.REVOKED)
    refused(bound.register(new_key()), 400, "registration_failed")
    assert found.get().state == "revoked"


def test_r28_a_key_without_a_certificate_keeps_its_use(
    make_device: MakeDevice, new_key: NewKey, identity: Identity
) -> None:
    refused(make_device(anonymous=True).register(new_key()), 400, "certificate_missing")
    assert uses(identity) == [0]


@pytest.mark.parametrize(
    ("days", "code"), [((-30, -1), "certificate_expired"), ((1, 30), "certificate_not_yet_valid")]
)
def test_the_certificate_is_refused_before_the_key_is_checked(
    make_device: MakeDevice,
    new_key: NewKey,
    identity: Identity,
    days: tuple[int, int],
    code: str,
) -> None:
    now = timezone.now()
    device = make_device(
        not_before=now + timedelta(days=days[0]), not_after=now + timedelta(days=days[1])
    )
    for psk in (new_key(), "wrong"):
        body = refused(device.register(psk), 400, code)
        assert body["retryable"] is (code == "certificate_not_yet_valid")
    refused(device.whoami(), 403, code)
    assert uses(identity) == [0]


def test_several_certificates_of_one_identity_live_side_by_side(
    new_bound: NewBound, identity: Identity
) -> None:
    for device in (new_bound(), new_bound()):
        assert accepted(device.whoami())["identity"] == identity.name


def test_charset_utf_8_and_media_type_in_capitals_are_accepted(
    device: Device, new_key: NewKey
) -> None:
    body = f'{{"PSK": "{new_key()}"}}'.encode()
    for kind in ("application/json; charset=utf-8", "APPLICATION/JSON", "application/json ;x=y"):
        accepted(device.post(data=body, headers={"Content-Type": kind}))
