"""Certificates and renewal keys change their states as the model says, after every pair of acts.

``make test`` tries a third of the pairs.

The device API is called in this process, staff act through the admin's actions, and the database
is the real one.
"""

from __future__ import annotations

import json
import uuid
from copy import copy, deepcopy
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client, RequestFactory, override_settings
from django.utils import timezone
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from identities.models import Identity, PreSharedKey
from ingest import certificate_lookup
from ingest.api.views import DeviceEndpoint
from ingest.models import DeviceCertificate
from ingest.parsing.certificates import fingerprint
from tests.ingest.parsing.certificate_factory import header_of, make_certificate
from tests.ingest.registration.renewal_model import OK, Answer, Family
from tests.ingest.registration.steps import issue_key
from tests.settings import PROXY_SECRET
from tests.support.examples import IS_LONG_RUN, one_in

LIST = "/admin/ingest/devicecertificate/"
UNTHROTTLED = override_settings(
    REGISTRATION_FAILURES_PER_MINUTE_PER_CERTIFICATE=10**6,
    REGISTRATION_FAILURES_PER_MINUTE_PER_IP=10**6,
)


class Product:
    """A device's family of certificates at the real device API."""

    def __init__(self, staff: Client) -> None:
        self.staff = staff
        self.identity = Identity.objects.create(name=f"family-{uuid.uuid4().hex[:12]}")
        self.ders = [make_certificate()]
        self.secrets: list[str] = []
        assert self._register(0, issue_key(self.identity)) == OK

    def copy(self) -> Product:
        """Return the same family with lists of its own."""
        same = copy(self)
        same.ders, same.secrets = list(self.ders), list(self.secrets)
        return same

    def use(self, number: int) -> Answer:
        return self._answer(number, RequestFactory().get)[0]

    def renew(self, number: int) -> Answer:
        answer, body = self._post(number, {"renew": True})
        if answer == OK:
            self.secrets.append(body["PSK"])
        return answer

    def bind(self, number: int) -> Answer:
        self.ders.append(make_certificate())
        answer = self._register(-1, self.secrets[number])
        if answer != OK:
            self.ders.pop()
        return answer

    def suspend(self, number: int) -> None:
        self._act("suspend", number)

    def revoke(self, number: int) -> None:
        self._act("revoke", number)

    def reactivate(self, number: int) -> None:
        self._act("reactivate", number)

    def end_overlap(self, number: int) -> None:
        row = DeviceCertificate.objects.exclude(retires_at=None).filter(pk=self.row(number).pk)
        row.update(retires_at=timezone.now() - timedelta(seconds=1))

    def row(self, number: int) -> DeviceCertificate:
        return DeviceCertificate.objects.get(sha256=fingerprint(self.ders[number]))

    def _act(self, action: str, number: int) -> None:
        form = {"action": action, "_selected_action": [self.row(number).pk]}
        assert self.staff.post(LIST, form).status_code in (200, 302)

    def _register(self, number: int, psk: str) -> Answer:
        return self._post(number, {"PSK": psk})[0]

    def _post(self, number: int, body: dict[str, object]) -> tuple[Answer, dict[str, Any]]:
        return self._answer(
            number,
            RequestFactory().post,
            data=json.dumps(body).encode(),
            content_type="application/json",
        )

    def _answer(self, number: int, method: Any, **options: Any) -> tuple[Answer, dict[str, Any]]:
        headers = {
            "X-Proxy-Secret": PROXY_SECRET,
            "X-Client-Verify": "FAILED:self-signed certificate",
            "X-Client-Cert": header_of(self.ders[number]),
        }
        response = DeviceEndpoint.as_view()(method("/device_endpoint", headers=headers, **options))
        body = json.loads(response.content)
        return (response.status_code, body.get("type", "").rpartition(":")[2]), body


def compare(family: Family, real: Product) -> None:
    """Assert that every certificate and key is in the state of the model."""
    now = timezone.now()
    live = set(DeviceCertificate.objects.live(now).values_list("sha256", flat=True))
    for number, expected in enumerate(family.certificates):
        row = real.row(number)
        overlap = "" if row.retires_at is None else "over" if row.retires_at <= now else "open"
        seen = row.first_seen_at is not None
        assert (row.state, overlap, seen) == (expected.state, expected.overlap, expected.is_seen)
        assert (bytes(row.sha256) in {bytes(each) for each in live}) == expected.is_live
    states = {"usable": "open", "exhausted": "used", "revoked": "revoked"}
    keys = PreSharedKey.objects.filter(renewal__certificate__identity=real.identity)
    found = [states[key.state] for key in keys.order_by("pk")]
    assert found == [key.state for key in family.keys]


def do(family: Family, real: Product, act: str, number: int) -> None:
    assert getattr(family, act)(number) == getattr(real, act)(number), (act, number)


@pytest.fixture
def staff(db: None) -> Client:
    client = Client(headers={"X-Forwarded-Proto": "https"})
    client.force_login(User.objects.create(username="ada", is_staff=True, is_superuser=True))
    return client


ACTS = ("use", "renew", "suspend", "revoke", "reactivate", "end_overlap")
# Of a certificate, its unseen successor, and the keys that both have asked for.
STEPS = [*product(ACTS, (0, 1)), ("bind", 1), ("bind", 2)]


@pytest.mark.parametrize("first", STEPS, ids=[f"{act} {number}" for act, number in STEPS])
def test_every_pair_of_acts(staff: Client, first: tuple[str, int]) -> None:
    with UNTHROTTLED:
        family, real = Family(), Product(staff)
        for act, number in (("renew", 0), ("bind", 0), ("renew", 0), first):
            do_if_possible(family, real, act, number)
        for second in one_in(3, STEPS, first=STEPS.index(first)):
            certificate_lookup._cache.clear()
            start = transaction.savepoint()
            end_with(deepcopy(family), real.copy(), second)
            transaction.savepoint_rollback(start)


def do_if_possible(family: Family, real: Product, act: str, number: int) -> None:
    if act != "bind" or number < len(family.keys):
        do(family, real, act, number)


def end_with(family: Family, real: Product, step: tuple[str, int]) -> None:
    """Take ``step``, then try every key: none works that should not."""
    do_if_possible(family, real, *step)
    compare(family, real)
    for number in range(len(family.keys)):
        do(family, real, "bind", number)
    compare(family, real)


def make_machine(staff: Client) -> type[RuleBasedStateMachine]:
    class Renewals(RuleBasedStateMachine):
        @initialize()
        def start(self) -> None:
            certificate_lookup._cache.clear()
            self.family, self.real = Family(), Product(staff)

        @rule(act=st.sampled_from(ACTS), number=st.integers(0, 5))
        def act(self, act: str, number: int) -> None:
            do(self.family, self.real, act, number % len(self.family.certificates))

        @rule(newest_first=st.integers(0, 3))
        def bind(self, newest_first: int) -> None:
            number = len(self.family.keys) - 1 - newest_first
            if number >= 0:
                do(self.family, self.real, "bind", number)

        @invariant()
        def states_are_those_of_the_model(self) -> None:
            if hasattr(self, "family"):
                compare(self.family, self.real)

    return Renewals


def test_random_walks(staff: Client) -> None:
    with UNTHROTTLED:
        run_state_machine_as_test(
            make_machine(staff),
            settings=settings(
                max_examples=15 if IS_LONG_RUN else 5, stateful_step_count=20, deadline=None
            ),
        )
