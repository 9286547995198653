"""Refused registrations are limited by certificate and by address, over all processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from identities.models import Identity
from ingest import registration_throttle
from ingest.api.problem_json import find_problem
from ingest.models import RegistrationAttempt
from ingest.parsing.certificates import ClientCertificate
from ingest.registration import RegistrationFailed
from ingest.registration_throttle import RegistrationThrottled
from tests.ingest.registration.steps import (
    ADDRESS,
    at_once,
    attempt,
    expire_keys,
    issue_key,
    new_certificate,
    outcomes,
    uses_of,
)

pytestmark = pytest.mark.usefixtures("limits")


@pytest.fixture
def limits(settings: Settings) -> None:
    settings.REGISTRATION_FAILURES_PER_MINUTE_PER_CERTIFICATE = 3
    settings.REGISTRATION_FAILURES_PER_MINUTE_PER_IP = 5


def answers(acts: Sequence[Callable[[], object]]) -> list[int]:
    """Return the status of each act's answer."""
    return [answer(act) for act in acts]


def answer(act: Callable[[], object]) -> int:
    try:
        act()
    except (RegistrationFailed, RegistrationThrottled) as refusal:
        problem = find_problem(refusal)
        assert problem
        return problem.status
    return 200


def guesses(
    number: int, certificate: ClientCertificate | None = None, address: str = ADDRESS
) -> list[Callable[[], object]]:
    """Return attempts that fail, by ``certificate`` or by a new one each."""
    return [
        partial(attempt, certificate or new_certificate(), "guess", address) for _ in range(number)
    ]


@pytest.mark.usefixtures("identity")
def test_a_certificate_has_its_number_of_refusals_and_no_more(
    certificate: ClientCertificate,
) -> None:
    assert answers(guesses(5, certificate)) == [400, 400, 400, 429, 429]


@pytest.mark.usefixtures("identity")
def test_an_address_has_its_number_of_refusals_and_no_more() -> None:
    assert answers(guesses(7)) == [400] * 5 + [429] * 2
    assert answers(guesses(1, address="192.0.2.2")) == [400]


@pytest.mark.usefixtures("identity")
def test_a_certificate_is_throttled_wherever_it_comes_from(certificate: ClientCertificate) -> None:
    acts = [guesses(1, certificate, f"192.0.2.{last}")[0] for last in range(1, 5)]
    assert answers(acts) == [400, 400, 400, 429]


def test_a_right_key_that_is_throttled_is_not_consumed(
    identity: Identity, psk: str, certificate: ClientCertificate
) -> None:
    answers(guesses(3, certificate))
    assert answer(partial(attempt, certificate, psk)) == 429
    assert uses_of(identity) == [0]
    RegistrationAttempt.objects.update(created_at=timezone.now() - registration_throttle.WINDOW)
    assert answer(partial(attempt, certificate, psk)) == 200


def test_all_refusals_count_alike(identity: Identity, certificate: ClientCertificate) -> None:
    expired = issue_key(identity)
    expire_keys(identity)
    used_up = issue_key(identity)
    attempt(new_certificate(), used_up)
    acts = [partial(attempt, certificate, psk) for psk in (expired, used_up, "guess", expired)]
    assert answers(acts) == [400, 400, 400, 429]


def test_successes_do_not_count(
    identity: Identity, psk: str, certificate: ClientCertificate
) -> None:
    assert answers([partial(attempt, certificate, psk)] * 8) == [200] * 8
    keys = [issue_key(identity) for _ in range(8)]
    assert answers([partial(attempt, new_certificate(), key) for key in keys]) == [200] * 8


@pytest.mark.usefixtures("identity")
def test_the_wait_ends_a_minute_after_the_oldest_refusal(
    certificate: ClientCertificate,
) -> None:
    answers(guesses(3, certificate))
    first = RegistrationAttempt.objects.earliest("id")
    first.created_at = timezone.now() - timedelta(seconds=40)
    first.save()
    with pytest.raises(RegistrationThrottled) as refused:
        attempt(certificate, "guess")
    assert refused.value.retry_after in (19, 20)
    first.created_at = timezone.now() - timedelta(seconds=60)
    first.save()
    assert answers(guesses(2, certificate)) == [400, 429]


@pytest.mark.usefixtures("identity")
@pytest.mark.parametrize(
    ("one", "another", "alike"),
    [
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1:2:3", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::1%eth1", True),
    ],
)
def test_an_address_counts_as_the_host_that_it_belongs_to(
    one: str, another: str, alike: bool
) -> None:
    answers(guesses(5, address=one))
    assert answers(guesses(1, address=another)) == [429 if alike else 400]


@pytest.mark.usefixtures("identity")
def test_without_an_address_the_certificate_alone_counts(certificate: ClientCertificate) -> None:
    assert answers(guesses(7, address="unix:")) == [400] * 7
    assert answers(guesses(4, certificate, "")) == [400, 400, 400, 429]
    assert RegistrationAttempt.objects.filter(address=None).count() == 11


@pytest.mark.usefixtures("own_db")
def test_guesses_at_once_do_not_pass_the_limit_of_an_address() -> None:
    found = at_once([partial(answer, guess) for guess in guesses(8)])
    assert sorted(found) == [400] * 5 + [429] * 3


@pytest.mark.usefixtures("own_db")
def test_guesses_at_once_do_not_pass_the_limit_of_a_certificate(
    certificate: ClientCertificate,
) -> None:
    acts = [guesses(1, certificate, f"192.0.2.{last}")[0] for last in range(1, 9)]
    found = at_once([partial(answer, act) for act in acts])
    assert sorted(found) == [400] * 3 + [429] * 5


@pytest.mark.usefixtures("identity")
def test_throttled_attempts_are_recorded_once_a_minute(
    certificate: ClientCertificate,
) -> None:
    answers(guesses(3, certificate))
    answers(guesses(20, certificate))
    assert outcomes().count("throttled") == 1
    assert registration_throttle.throttled.recorded_at is not None
    registration_throttle.throttled.recorded_at -= registration_throttle.WINDOW
    answers(guesses(20, certificate))
    summed = RegistrationAttempt.objects.filter(outcome="throttled").order_by("id")
    assert [row.count for row in summed] == [1, 20]
    assert {bytes(row.sha256 or b"") for row in summed} == {certificate.sha256}
    assert {row.address for row in summed} == {"192.0.2.1"}


@pytest.mark.usefixtures("identity")
def test_a_sum_over_several_sources_names_none(certificate: ClientCertificate) -> None:
    answers(guesses(4, certificate))
    answers(guesses(2, certificate, "192.0.2.7"))
    answers(guesses(1, certificate, "192.0.2.8"))
    registration_throttle.throttled.recorded_at = None
    registration_throttle.throttled.record_when_due()
    row = RegistrationAttempt.objects.latest("id")
    assert (row.count, row.sha256, row.address) == (3, None, None)


@pytest.mark.usefixtures("identity")
def test_a_throttled_attempt_does_not_write(certificate: ClientCertificate) -> None:
    answers(guesses(4, certificate))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert answers(guesses(1, certificate)) == [429]
    assert all(query["sql"].startswith("SELECT") for query in queries)
    assert len(queries) <= 2
