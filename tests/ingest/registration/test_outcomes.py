"""A valid key registers; every refusal looks the same and is recorded with its true outcome."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from identities.keys import PSK_PREFIX, generate
from identities.models import Identity
from ingest.api.problem_json import find_problem
from ingest.models import DeviceCertificate, RegistrationAttempt
from ingest.parsing.certificates import ClientCertificate
from ingest.registration import RegistrationFailed
from tests.ingest.registration.steps import (
    ADDRESS,
    attempt,
    expire_keys,
    issue_key,
    new_certificate,
    outcomes,
    revoke_keys,
    uses_of,
)


def _problem_body(error: RegistrationFailed) -> tuple[dict[str, object], int | None]:
    problem = find_problem(error)
    assert problem
    return problem.as_json("request-1"), problem.retry_after


def refused_outcome(certificate: ClientCertificate, psk: str) -> str:
    """Return the true reason of a refusal, which must also be what was recorded last."""
    with pytest.raises(RegistrationFailed) as refused:
        attempt(certificate, psk)
    bodies = [_problem_body(refused.value), _problem_body(RegistrationFailed("any"))]
    assert bodies[0] == bodies[1]
    assert outcomes()[-1] == refused.value.outcome
    return refused.value.outcome


def test_a_good_key_binds_the_certificate(
    identity: Identity, psk: str, certificate: ClientCertificate
) -> None:
    found = attempt(certificate, psk)
    assert (found.identity, found.already_bound) == ("bed-12", False)
    row = DeviceCertificate.objects.get()
    assert (row.identity, row.bound_with) == (identity, identity.keys.get())
    assert (bytes(row.sha256), bytes(row.der)) == (certificate.sha256, certificate.der)
    assert (row.subject, row.key_type) == (certificate.subject, certificate.key_type)
    assert (row.not_before, row.not_after) == (certificate.not_before, certificate.not_after)
    assert row.state == DeviceCertificate.State.ACTIVE
    assert uses_of(identity) == [1]


def test_an_attempt_is_recorded_with_identity_time_and_key(
    identity: Identity, psk: str, certificate: ClientCertificate
) -> None:
    attempt(certificate, psk)
    row = RegistrationAttempt.objects.get()
    assert (row.outcome, row.identity, row.count) == ("registered", identity, 1)
    assert bytes(row.sha256 or b"") == certificate.sha256
    assert (row.address, row.request_id) == (ADDRESS, "request-1")
    assert row.psk_hint == f"{psk[:9]}…"


def test_a_new_certificate_is_bound_by_prepared_statements_alone(
    psk: str, certificate: ClientCertificate, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        attempt(certificate, psk)
    assert outcomes() == ["registered"]


def test_a_key_for_several_devices_binds_as_many(identity: Identity) -> None:
    psk = issue_key(identity, max_uses=2)
    attempt(new_certificate(), psk)
    attempt(new_certificate(), psk)
    assert refused_outcome(new_certificate(), psk) == "psk_exhausted"
    assert uses_of(identity) == [2]
    assert identity.certificates.count() == 2


@pytest.mark.usefixtures("identity")
def test_a_key_that_was_never_made_is_refused(certificate: ClientCertificate) -> None:
    assert refused_outcome(certificate, generate(PSK_PREFIX)) == "psk_unknown"


@pytest.mark.usefixtures("identity")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "dpsk_",
        "hunter2",
        "dpsk_" + "0" * 33,
        "\x00",
        "\ud800",
        "' OR 1=1 --",
        "{{7*7}}",
        "٣" * 38,
    ],
)
def test_malformed_keys_are_refused(text: str, certificate: ClientCertificate) -> None:
    assert refused_outcome(certificate, text) == "psk_malformed"


def test_a_key_with_one_wrong_character_is_refused(
    psk: str, certificate: ClientCertificate
) -> None:
    wrong = psk[:-1] + ("0" if psk[-1] != "0" else "1")
    assert refused_outcome(certificate, wrong) == "psk_malformed"


@pytest.mark.parametrize("around", [" {}", "{}\n", "{} "])
def test_a_key_with_blanks_around_it_is_refused(
    around: str, psk: str, certificate: ClientCertificate
) -> None:
    assert refused_outcome(certificate, around.format(psk)) == "psk_malformed"


def test_an_expired_key_is_refused(
    identity: Identity, psk: str, certificate: ClientCertificate
) -> None:
    expire_keys(identity)
    assert refused_outcome(certificate, psk) == "psk_expired"
    assert uses_of(identity) == [0]


def test_a_revoked_key_is_refused(
    identity: Identity, psk: str, certificate: ClientCertificate
) -> None:
    revoke_keys(identity)
    assert refused_outcome(certificate, psk) == "psk_revoked"


def test_an_exhausted_key_is_refused_to_another_certificate(
    identity: Identity, psk: str, certificate: ClientCertificate
) -> None:
    attempt(new_certificate(), psk)
    assert refused_outcome(certificate, psk) == "psk_exhausted"
    assert uses_of(identity) == [1]


def test_an_inactive_identity_is_refused(
    identity: Identity, psk: str, certificate: ClientCertificate
) -> None:
    Identity.objects.update(is_active=False)
    assert refused_outcome(certificate, psk) == "identity_inactive"
    assert uses_of(identity) == [0]


def test_a_certificate_of_another_identity_is_never_rebound(
    identity: Identity, other_identity: Identity, psk: str, certificate: ClientCertificate
) -> None:
    attempt(certificate, psk)
    assert refused_outcome(certificate, issue_key(other_identity)) == "certificate_bound_elsewhere"
    assert uses_of(other_identity) == [0]
    assert identity.certificates.count() == 1


@pytest.mark.parametrize(
    "state", [DeviceCertificate.State.SUSPENDED, DeviceCertificate.State.REVOKED]
)
def test_a_key_does_not_reactivate_a_certificate(
    state: DeviceCertificate.State, identity: Identity, psk: str, certificate: ClientCertificate
) -> None:
    attempt(certificate, psk)
    DeviceCertificate.objects.update(state=state)
    assert refused_outcome(certificate, issue_key(identity)) == f"certificate_{state}"
    assert uses_of(identity) == [1, 0]
    assert DeviceCertificate.objects.get().state == state


def test_a_refusal_binds_nothing(psk: str, certificate: ClientCertificate) -> None:
    refused_outcome(certificate, psk[:-1])
    assert not DeviceCertificate.objects.exists()
