"""How a device handles each response: delete, keep, retry or set aside the files.

Uses a scripted server, since the product does not fail on demand.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from device_client.api import DeviceApi, Registration
from device_client.delivery import Deliverer
from device_client.errors import (
    CertificateNotTrusted,
    DeviceError,
    ProblemResponse,
    ProtocolError,
    ServerUnreachable,
)
from device_client.multipart import FilePart
from device_client.renewal import ensure_registered
from device_client.responses import Receipt
from device_client.retry import RetryPolicy
from device_client.state import StateFolder
from tests.client.scripted_server import Scripted, ScriptedServer, problem

HR = FilePart("hr_measurement", "hr_measurement_2019_06_11", b"1560279835000,93\n")
IBI = FilePart("ibi_measurement", "ibi_measurement_2019_06_11", b"1560279908504,609.403\n")
WHOAMI: dict[str, object] = {
    "identity": "ward-3",
    "certificate": {"sha256": "ab" * 32, "not_after": "2027-01-01T00:00:00Z"},
}
UNAVAILABLE = problem(503, "database_unavailable", True)

Serve = Callable[[list[Scripted]], ScriptedServer]
Connect = Callable[[ScriptedServer], DeviceApi]


def _receipt(part: FilePart, status: str = "stored", **more: object) -> dict[str, object]:
    return {"id": "m-1", "name": part.name, "sha256": part.sha256, "status": status, **more}


def _received(*receipts: dict[str, object]) -> Scripted:
    return Scripted(200, {"request_id": "r-1", "files": list(receipts)})


@dataclass
class _Device:
    """A device with waiting files, and the receipts and refusals reported to it."""

    state: StateFolder
    connect: Connect
    receipts: list[Receipt] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def deliverer(self, server: ScriptedServer) -> Deliverer:
        def on_refusal(reason: str, kept: Path) -> None:
            assert kept.exists()
            self.refusals.append(reason)

        return Deliverer(
            self.state.spool,
            self.connect(server),
            Registration("ward-3", {}),
            self.receipts.append,
            on_refusal,
        )

    def waiting(self) -> list[FilePart]:
        return [item.read() for item in self.state.spool.list_pending()]


@pytest.fixture
def device(state: StateFolder, connect: Connect) -> _Device:
    for part in (HR, IBI):
        state.spool.add(part)
    return _Device(state, connect)


def test_received_files_and_duplicates_are_deleted(device: _Device, serve: Serve) -> None:
    server = serve([_received(_receipt(HR), _receipt(IBI, "duplicate"))])
    device.deliverer(server).send_pending()
    assert device.waiting() == []
    assert [receipt.status for receipt in device.receipts] == ["stored", "duplicate"]
    assert len(server.requests) == 1


def test_receipts_are_matched_by_sha256_not_by_order(device: _Device, serve: Serve) -> None:
    server = serve([_received(_receipt(IBI, "duplicate"), _receipt(HR))])
    device.deliverer(server).send_pending()
    assert [receipt.name for receipt in device.receipts] == [HR.name, IBI.name]


def test_the_same_bytes_twice_are_a_stored_file_and_a_duplicate(
    state: StateFolder, connect: Connect, serve: Serve
) -> None:
    for _ in range(2):
        state.spool.add(HR)
    device = _Device(state, connect)
    device.deliverer(serve([_received(_receipt(HR), _receipt(HR, "duplicate"))])).send_pending()
    assert device.waiting() == []
    assert [receipt.status for receipt in device.receipts] == ["stored", "duplicate"]


def test_a_retry_waits_at_least_for_retry_after(
    device: _Device, serve: Serve, retry_policy: RetryPolicy, delays: list[float]
) -> None:
    busy = Scripted(503, UNAVAILABLE, {"Retry-After": "7"})
    server = serve([busy, busy, _received(_receipt(HR), _receipt(IBI))])
    retry_policy.run(device.deliverer(server).send_pending)
    assert len(delays) == 2
    assert min(delays) >= 7
    assert device.waiting() == []


def test_a_retry_sends_the_same_files(
    device: _Device, serve: Serve, retry_policy: RetryPolicy
) -> None:
    server = serve([Scripted(503, UNAVAILABLE), _received(_receipt(HR), _receipt(IBI))])
    retry_policy.run(device.deliverer(server).send_pending)
    bodies = [body for _, _, body in server.requests]
    assert all(HR.content in body and IBI.content in body for body in bodies)


def test_files_of_a_suspended_device_wait(device: _Device, serve: Serve) -> None:
    server = serve([Scripted(403, problem(403, "certificate_suspended", True))])
    with pytest.raises(ProblemResponse, match="certificate_suspended"):
        device.deliverer(server).send_pending()
    assert device.waiting() == [HR, IBI]


def test_a_rejected_file_does_not_affect_the_other_one(device: _Device, serve: Serve) -> None:
    bad = _receipt(
        HR, "rejected", errors=[{"line": 2, "column": 15, "got": "9O", "hint": "not a number"}]
    )
    body = problem(422, "unreadable_file", False, files=[bad, _receipt(IBI)])
    server = serve([Scripted(422, body)])
    device.deliverer(server).send_pending()
    assert device.waiting() == []
    assert len(server.requests) == 1
    assert "line 2, column 15: got '9O': not a number" in device.refusals[0]


def test_a_file_that_spoils_a_request_is_sent_alone(device: _Device, serve: Serve) -> None:
    refused = Scripted(413, problem(413, "too_large", False))
    server = serve([refused, refused, _received(_receipt(IBI))])
    device.deliverer(server).send_pending()
    assert device.waiting() == []
    assert [receipt.name for receipt in device.receipts] == [IBI.name]
    assert len(device.refusals) == 1


def test_a_file_without_a_receipt_is_kept(device: _Device, serve: Serve) -> None:
    server = serve([_received(_receipt(HR))])
    with pytest.raises(ProtocolError, match="no receipt for ibi_measurement"):
        device.deliverer(server).send_pending()
    assert device.waiting() == [IBI]


def test_a_response_without_receipts_deletes_no_file(device: _Device, serve: Serve) -> None:
    server = serve([Scripted(200, {})])
    with pytest.raises(ProtocolError):
        device.deliverer(server).send_pending()
    assert device.waiting() == [HR, IBI]


def test_a_redirect_is_not_followed(device: _Device, serve: Serve) -> None:
    server = serve([Scripted(302, {}, {"Location": "https://127.0.0.1:9/elsewhere"})])
    with pytest.raises(ProblemResponse, match="302"):
        device.deliverer(server).send_pending()
    assert len(server.requests) == 1
    assert device.waiting() == [HR, IBI]


def test_waiting_files_are_sent_after_a_restart(device: _Device, serve: Serve) -> None:
    device.state.close()
    device.state = StateFolder(device.state.path)
    server = serve([_received(_receipt(HR), _receipt(IBI))])
    device.deliverer(server).send_pending()
    assert len(device.receipts) == 2
    device.state.close()


def test_an_untrusted_server_receives_no_request(
    device: _Device, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve([_received()])
    # requests prefers this variable to the session's setting.
    monkeypatch.setitem(os.environ, "REQUESTS_CA_BUNDLE", str(server.authority))
    other = tmp_path / "other.pem"
    other.write_bytes(device.state.credentials.read_bytes())
    with pytest.raises(CertificateNotTrusted, match="not trusted"):
        DeviceApi(server.url, device.state.credentials, other).whoami()
    assert server.requests == []


def test_an_unreachable_server_is_named(device: _Device, serve: Serve) -> None:
    server = serve([_received()])
    api = DeviceApi("https://127.0.0.1:1", device.state.credentials, server.authority)
    with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:1: Connection refused"):
        api.whoami()


@pytest.mark.parametrize("url", ["http://h:1", "h:8443", "https://", "https://h:x", "https://[::1"])
def test_an_invalid_address_is_an_error(url: str, device: _Device) -> None:
    with pytest.raises(DeviceError, match="not an address"):
        DeviceApi(url, device.state.credentials, device.state.credentials)


@pytest.mark.parametrize(
    ("url", "completed"),
    [
        ("https://h:8443", "https://h:8443/device_endpoint"),
        ("https://h:8443/", "https://h:8443/device_endpoint"),
        ("https://h/device_endpoint/", "https://h/device_endpoint/"),
        ("https://[::1]:8443", "https://[::1]:8443/device_endpoint"),
    ],
)
def test_the_endpoints_path_is_added_if_absent(url: str, completed: str, device: _Device) -> None:
    assert DeviceApi(url, device.state.credentials, device.state.credentials).url == completed


def test_a_bound_device_sends_no_key(
    serve: Serve, connect: Connect, retry_policy: RetryPolicy
) -> None:
    server = serve([Scripted(200, WHOAMI)])
    assert ensure_registered(connect(server), "dpsk_secret", retry_policy).identity == "ward-3"
    assert [method for method, _, _ in server.requests] == ["GET"]


def test_an_unknown_device_registers_after_a_busy_response(
    serve: Serve, connect: Connect, retry_policy: RetryPolicy, delays: list[float]
) -> None:
    unbound = Scripted(403, problem(403, "certificate_not_bound", True))
    throttled = Scripted(429, problem(429, "too_many_requests", True), {"Retry-After": "3"})
    server = serve([unbound, throttled, Scripted(200, WHOAMI)])
    assert ensure_registered(connect(server), "dpsk_secret", retry_policy).identity == "ward-3"
    assert server.requests[1] == ("POST", "application/json", b'{"PSK": "dpsk_secret"}')
    assert min(delays) >= 3


def test_an_unknown_device_without_a_key_is_an_error(
    serve: Serve, connect: Connect, retry_policy: RetryPolicy
) -> None:
    server = serve([Scripted(403, problem(403, "certificate_not_bound", True))])
    with pytest.raises(DeviceError, match="give a PSK"):
        ensure_registered(connect(server), "", retry_policy)


def test_a_refused_key_is_not_sent_again(
    serve: Serve, connect: Connect, retry_policy: RetryPolicy, delays: list[float]
) -> None:
    unbound = Scripted(403, problem(403, "certificate_not_bound", True))
    refused = Scripted(400, problem(400, "registration_failed", False))
    server = serve([unbound, refused])
    with pytest.raises(ProblemResponse, match="registration_failed"):
        ensure_registered(connect(server), "dpsk_wrong", retry_policy)
    assert delays == []
    assert len(server.requests) == 2
