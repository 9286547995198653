"""A device that lost the answer registers again and gets the same answer at no cost."""

from __future__ import annotations

import pytest

from identities.models import Identity
from ingest.models import DeviceCertificate
from ingest.parsing.certificates import ClientCertificate
from ingest.registration import RegistrationFailed
from tests.ingest.registration.steps import (
    attempt,
    expire_keys,
    issue_key,
    outcomes,
    revoke_keys,
    uses_of,
)


@pytest.fixture
def bound(psk: str, certificate: ClientCertificate) -> DeviceCertificate:
    attempt(certificate, psk)
    return DeviceCertificate.objects.get(sha256=certificate.sha256)


def test_the_same_key_again_costs_no_use(
    identity: Identity, psk: str, certificate: ClientCertificate, bound: DeviceCertificate
) -> None:
    again = attempt(certificate, psk)
    assert (again.identity, again.already_bound) == ("bed-12", True)
    assert DeviceCertificate.objects.get() == bound
    assert uses_of(identity) == [1]
    assert outcomes() == ["registered", "already_bound"]


@pytest.mark.usefixtures("bound")
def test_another_key_of_the_identity_costs_no_use(
    identity: Identity, certificate: ClientCertificate
) -> None:
    assert attempt(certificate, issue_key(identity)).already_bound
    assert uses_of(identity) == [1, 0]


@pytest.mark.usefixtures("bound")
def test_an_expired_key_is_good_enough_to_repeat(
    identity: Identity, psk: str, certificate: ClientCertificate
) -> None:
    expire_keys(identity)
    assert attempt(certificate, psk).already_bound


@pytest.mark.usefixtures("bound")
def test_a_revoked_key_is_not(identity: Identity, psk: str, certificate: ClientCertificate) -> None:
    revoke_keys(identity)
    with pytest.raises(RegistrationFailed):
        attempt(certificate, psk)
    assert outcomes()[-1] == "psk_revoked"


@pytest.mark.usefixtures("bound")
def test_a_repetition_is_refused_while_the_identity_is_inactive(
    psk: str, certificate: ClientCertificate
) -> None:
    Identity.objects.update(is_active=False)
    with pytest.raises(RegistrationFailed):
        attempt(certificate, psk)
    assert outcomes()[-1] == "identity_inactive"
