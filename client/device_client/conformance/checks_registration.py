"""Registration: safe to repeat; refusals reveal nothing about keys."""

from __future__ import annotations

import json

from device_client.conformance.raw_http import Response, expect
from device_client.conformance.target import (
    JSON,
    Target,
    expect_problem,
    get_certificate,
    get_fingerprint,
)

_UNKNOWN_KEY = "dpsk_0000000000000000000000000000000000"


def key_registers(target: Target) -> None:
    """The key binds the client certificate of the connection."""
    response = target.register(target.device, target.psk)
    expect(
        response.status == 200,
        f"expected 200, found {response.describe()}: is the key still valid?",
    )
    _expect_registration(target, response)
    expect(response.json.get("already_bound") is False, "a new certificate was already_bound")
    target.is_registered = True


def registration_repeats(target: Target) -> None:
    """A repeated registration returns the same, with already_bound true."""
    target.require_registration()
    response = target.register(target.device, target.psk)
    expect(response.status == 200, f"expected 200, found {response.describe()}")
    _expect_registration(target, response)
    expect(response.json.get("already_bound") is True, "already_bound is not true")


def whoami_reports_limits(target: Target) -> None:
    """GET returns a registered device's identity, the limits and the server's time."""
    target.require_registration()
    response = target.device.request()
    expect(response.status == 200, f"expected 200, found {response.describe()}")
    _expect_registration(target, response)
    limits = response.json.get("limits")
    expect(isinstance(limits, dict), "the response has no limits")
    target.limits = limits if isinstance(limits, dict) else {}
    for name in ("request_bytes", "files", "lines_per_file"):
        expect(isinstance(target.limits.get(name), int), f"the limit {name} is missing")
    expect(isinstance(response.json.get("server_time_ms"), int), "server_time_ms is missing")


def refusals_alike(target: Target) -> None:
    """Every refused key gets the same response except for the request_id."""
    target.require_registration()
    revoked = _request_renewal_key(target)
    _request_renewal_key(target)  # a second request revokes the first key
    responses = [
        target.register(target.unregistered, key)
        for key in (_UNKNOWN_KEY, "not a key", "", revoked)
    ]
    bodies = set()
    for response in responses:
        expect_problem(response, 400, "registration_failed")
        expect(revoked.encode() not in response.body, "a response repeats the key")
        bodies.add(response.body.replace(str(response.json["request_id"]).encode(), b""))
    expect(len(bodies) == 1, "the responses to unknown and revoked keys differ")


def json_is_strict(target: Target) -> None:
    """A body that is not a registration is a 400 invalid_json."""
    for body in (b"", b"{", b"[]", b'"PSK"', b'{"PSK": 1}', b'{"PSK": "a", "PSK": "b"}', b"\xff"):
        expect_problem(target.unregistered.request("POST", body, JSON), 400, "invalid_json")


def certificate_renewed(target: Target) -> None:
    """A registered device gets a key for its next certificate; both certificates work."""
    target.require_registration()
    successor = target.make_device("successor")
    response = target.register(successor, _request_renewal_key(target))
    expect(
        response.status == 200, f"the next certificate: expected 200, found {response.describe()}"
    )
    for device in (target.device, successor):
        response = device.request()
        expect(response.status == 200, f"afterwards: expected 200, found {response.describe()}")


def _request_renewal_key(target: Target) -> str:
    response = target.device.request("POST", json.dumps({"roll": True}).encode(), JSON)
    key = response.json.get("PSK")
    expect(
        response.status == 200 and isinstance(key, str), f"no renewal key: {response.describe()}"
    )
    return str(key)


def _expect_registration(target: Target, response: Response) -> None:
    expect(isinstance(response.json.get("identity"), str), "the identity is missing")
    certificate = get_certificate(response)
    seen, own = certificate.get("sha256"), get_fingerprint(target.device)
    expect(seen == own, f"the certificate {own} was seen as {seen}")
    expect(isinstance(certificate.get("not_after"), str), "the certificate's not_after is missing")


CHECKS = (
    key_registers,
    registration_repeats,
    whoami_reports_limits,
    refusals_alike,
    json_is_strict,
)
LAST = (certificate_renewed,)
