"""However many devices try at once, a key is used as often as it may be."""

from __future__ import annotations

from functools import partial

import pytest

from identities.models import Identity
from ingest.models import DeviceCertificate
from tests.ingest.registration.steps import (
    at_once,
    attempt_ends,
    crowd,
    issue_key,
    new_certificate,
    outcomes,
    uses_of,
)
from tests.support.examples import IS_LONG_RUN

pytestmark = pytest.mark.usefixtures("own_db")

ROUNDS = 25 if IS_LONG_RUN else 8
DEVICES = 8


@pytest.fixture
def identity(own_db: None) -> Identity:
    return Identity.objects.create(name="bed-12")


@pytest.fixture
def other_identity(own_db: None) -> Identity:
    return Identity.objects.create(name="bed-13")


def test_of_eight_certificates_one_wins_a_key_for_one(identity: Identity) -> None:
    with crowd(DEVICES) as start_together:
        for number in range(ROUNDS):
            psk = issue_key(identity)
            ends = start_together(
                [
                    partial(attempt_ends, new_certificate(), psk, f"192.0.2.{device + 1}")
                    for device in range(DEVICES)
                ]
            )
            assert sorted(ends) == ["bound"] + ["refused"] * (DEVICES - 1)
            assert DeviceCertificate.objects.count() == number + 1
    assert uses_of(identity) == [1] * ROUNDS
    assert outcomes().count("psk_exhausted") == ROUNDS * (DEVICES - 1)


def test_a_key_for_three_is_won_by_three(identity: Identity) -> None:
    psk = issue_key(identity, max_uses=3)
    ends = at_once([partial(attempt_ends, new_certificate(), psk) for _ in range(DEVICES)])
    assert sorted(ends) == ["bound"] * 3 + ["refused"] * 5
    assert uses_of(identity) == [3]


def test_eight_equal_requests_at_once_succeed_at_one_use(
    identity: Identity,
) -> None:
    with crowd(DEVICES) as start_together:
        for _ in range(ROUNDS):
            psk, certificate = issue_key(identity), new_certificate()
            ends = start_together([partial(attempt_ends, certificate, psk)] * DEVICES)
            assert sorted(ends) == ["already bound"] * (DEVICES - 1) + ["bound"]
    assert uses_of(identity) == [1] * ROUNDS
    assert DeviceCertificate.objects.count() == ROUNDS


def test_two_identities_at_once_cannot_both_bind_a_certificate(
    identity: Identity, other_identity: Identity
) -> None:
    with crowd(2) as start_together:
        for _ in range(ROUNDS):
            certificate = new_certificate()
            claims = [issue_key(owner) for owner in (identity, other_identity)]
            ends = start_together([partial(attempt_ends, certificate, psk) for psk in claims])
            assert sorted(ends) == ["bound", "refused"]
    assert sum(uses_of(identity) + uses_of(other_identity)) == ROUNDS
