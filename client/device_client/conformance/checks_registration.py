"""Registration: safe to repeat, and its refusals tell nothing about keys."""

from __future__ import annotations

import json

from device_client.conformance.raw_http import Answer, expect
from device_client.conformance.target import (
    JSON,
    Subject,
    certificate_of,
    expect_problem,
    fingerprint,
)

_UNKNOWN = "dpsk_0000000000000000000000000000000000"


def key_registers(subject: Subject) -> None:
    """The key binds the certificate that the connection shows."""
    answer = subject.register(subject.device, subject.psk)
    expect(answer.status == 200, f"expected 200, found {answer.told()}: is the key still good?")
    _expect_registration(subject, answer)
    expect(answer.json.get("already_bound") is False, "a new certificate was already_bound")
    subject.is_registered = True


def registration_repeats(subject: Subject) -> None:
    """Registering again answers the same, and says that it was done before."""
    subject.needs_registration()
    answer = subject.register(subject.device, subject.psk)
    expect(answer.status == 200, f"expected 200, found {answer.told()}")
    _expect_registration(subject, answer)
    expect(answer.json.get("already_bound") is True, "already_bound is not true")


def whoami_tells_limits(subject: Subject) -> None:
    """GET tells a registered device its identity, the limits and the server's time."""
    subject.needs_registration()
    answer = subject.device.ask()
    expect(answer.status == 200, f"expected 200, found {answer.told()}")
    _expect_registration(subject, answer)
    limits = answer.json.get("limits")
    expect(isinstance(limits, dict), "no limits are told")
    subject.limits = limits if isinstance(limits, dict) else {}
    for name in ("request_bytes", "files", "lines_per_file"):
        expect(isinstance(subject.limits.get(name), int), f"the limit {name} is not told")
    expect(isinstance(answer.json.get("server_time_ms"), int), "server_time_ms is not told")


def refusals_alike(subject: Subject) -> None:
    """Every key that does not bind gets the same answer, but for its request_id."""
    subject.needs_registration()
    revoked = _asked_key(subject)
    _asked_key(subject)  # asking again closes the one before
    answers = [
        subject.register(subject.stranger, key) for key in (_UNKNOWN, "not a key", "", revoked)
    ]
    bodies = set()
    for answer in answers:
        expect_problem(answer, 400, "registration_failed")
        expect(revoked.encode() not in answer.body, "an answer repeats the key")
        bodies.add(answer.body.replace(str(answer.json["request_id"]).encode(), b""))
    expect(len(bodies) == 1, "the answers to keys unknown and revoked differ")


def json_is_strict(subject: Subject) -> None:
    """What is no registration is a 400 that says so."""
    for body in (b"", b"{", b"[]", b'"PSK"', b'{"PSK": 1}', b'{"PSK": "a", "PSK": "b"}', b"\xff"):
        expect_problem(subject.stranger.ask("POST", body, JSON), 400, "invalid_json")


def certificate_rolls(subject: Subject) -> None:
    """A registered device gets a key for its next certificate, and both are good."""
    subject.needs_registration()
    heir = subject.make_device("heir")
    answer = subject.register(heir, _asked_key(subject))
    expect(answer.status == 200, f"the next certificate: expected 200, found {answer.told()}")
    for device in (subject.device, heir):
        answer = device.ask()
        expect(answer.status == 200, f"afterwards: expected 200, found {answer.told()}")


def _asked_key(subject: Subject) -> str:
    answer = subject.device.ask("POST", json.dumps({"roll": True}).encode(), JSON)
    key = answer.json.get("PSK")
    expect(answer.status == 200 and isinstance(key, str), f"no key to roll: {answer.told()}")
    return str(key)


def _expect_registration(subject: Subject, answer: Answer) -> None:
    expect(isinstance(answer.json.get("identity"), str), "no identity is told")
    certificate = certificate_of(answer)
    seen, own = certificate.get("sha256"), fingerprint(subject.device)
    expect(seen == own, f"the certificate {own} was seen as {seen}")
    expect(isinstance(certificate.get("not_after"), str), "the certificate's not_after is not told")


CHECKS = (
    key_registers,
    registration_repeats,
    whoami_tells_limits,
    refusals_alike,
    json_is_strict,
)
LAST = (certificate_rolls,)
