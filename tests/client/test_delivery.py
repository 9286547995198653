"""What a device does with each answer: forget, keep, try again or set aside.

The server here is a script, since the product does not fail on demand; the product itself is
met in test_simulate_device.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from device_client.api import Door, Registration
from device_client.delivery import Deliverer
from device_client.errors import BadAnswer, DeviceError, Refused, Unreachable, Untrusted
from device_client.multipart import FilePart
from device_client.responses import Receipt
from device_client.retry import Patience
from device_client.simulator import join
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
OpenDoor = Callable[[ScriptedServer], Door]


def _receipt(part: FilePart, status: str = "stored", **more: object) -> dict[str, object]:
    return {"id": "m-1", "name": part.name, "sha256": part.sha256, "status": status, **more}


def _received(*receipts: dict[str, object]) -> Scripted:
    return Scripted(200, {"request_id": "r-1", "files": list(receipts)})


@dataclass
class _Device:
    """A device with files waiting, and what it heard."""

    state: StateFolder
    open_door: OpenDoor
    receipts: list[Receipt] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def deliverer(self, server: ScriptedServer) -> Deliverer:
        def on_refusal(reason: str, kept: Path) -> None:
            assert kept.exists()
            self.refusals.append(reason)

        return Deliverer(
            self.state.spool,
            self.open_door(server),
            Registration("ward-3", {}),
            self.receipts.append,
            on_refusal,
        )

    def waiting(self) -> list[FilePart]:
        return [item.read() for item in self.state.spool.pending()]


@pytest.fixture
def device(state: StateFolder, open_door: OpenDoor) -> _Device:
    for part in (HR, IBI):
        state.spool.add(part)
    return _Device(state, open_door)


def test_received_files_are_forgotten_and_duplicates_too(device: _Device, serve: Serve) -> None:
    server = serve([_received(_receipt(HR), _receipt(IBI, "duplicate"))])
    device.deliverer(server).send_pending()
    assert device.waiting() == []
    assert [receipt.status for receipt in device.receipts] == ["stored", "duplicate"]
    assert len(server.requests) == 1


def test_receipts_are_told_apart_by_their_bytes_not_their_order(
    device: _Device, serve: Serve
) -> None:
    server = serve([_received(_receipt(IBI, "duplicate"), _receipt(HR))])
    device.deliverer(server).send_pending()
    assert [receipt.name for receipt in device.receipts] == [HR.name, IBI.name]


def test_a_busy_server_is_asked_again_no_sooner_than_it_wished(
    device: _Device, serve: Serve, patience: Patience, pauses: list[float]
) -> None:
    busy = Scripted(503, UNAVAILABLE, {"Retry-After": "7"})
    server = serve([busy, busy, _received(_receipt(HR), _receipt(IBI))])
    patience.keep_trying(device.deliverer(server).send_pending)
    assert len(pauses) == 2
    assert min(pauses) >= 7
    assert device.waiting() == []


def test_what_is_sent_again_is_the_same_files(
    device: _Device, serve: Serve, patience: Patience
) -> None:
    server = serve([Scripted(503, UNAVAILABLE), _received(_receipt(HR), _receipt(IBI))])
    patience.keep_trying(device.deliverer(server).send_pending)
    bodies = [body for _, _, body in server.requests]
    assert all(HR.content in body and IBI.content in body for body in bodies)


def test_files_wait_for_a_device_that_is_refused(device: _Device, serve: Serve) -> None:
    server = serve([Scripted(403, problem(403, "certificate_suspended", True))])
    with pytest.raises(Refused, match="certificate_suspended"):
        device.deliverer(server).send_pending()
    assert device.waiting() == [HR, IBI]


def test_of_a_request_with_a_bad_file_the_good_one_is_received(
    device: _Device, serve: Serve
) -> None:
    bad = _receipt(
        HR, "rejected", errors=[{"line": 2, "column": 15, "got": "9O", "hint": "not a number"}]
    )
    body = problem(422, "unreadable_file", False, files=[bad, _receipt(IBI)])
    server = serve([Scripted(422, body)])
    device.deliverer(server).send_pending()
    assert device.waiting() == []
    assert len(server.requests) == 1
    assert "line 2, column 15: got '9O': not a number" in device.refusals[0]


def test_the_file_that_spoils_a_request_is_found_and_the_other_one_sent(
    device: _Device, serve: Serve
) -> None:
    refused = Scripted(413, problem(413, "too_large", False))
    server = serve([refused, refused, _received(_receipt(IBI))])
    device.deliverer(server).send_pending()
    assert device.waiting() == []
    assert [receipt.name for receipt in device.receipts] == [IBI.name]
    assert len(device.refusals) == 1


def test_a_file_without_a_receipt_is_kept(device: _Device, serve: Serve) -> None:
    server = serve([_received(_receipt(HR))])
    with pytest.raises(BadAnswer, match="no receipt for ibi_measurement"):
        device.deliverer(server).send_pending()
    assert device.waiting() == [IBI]


def test_an_answer_that_is_no_json_is_no_receipt(device: _Device, serve: Serve) -> None:
    server = serve([Scripted(200, {})])
    with pytest.raises(BadAnswer):
        device.deliverer(server).send_pending()
    assert device.waiting() == [HR, IBI]


def test_a_redirect_is_not_followed(device: _Device, serve: Serve) -> None:
    server = serve([Scripted(302, {}, {"Location": "https://127.0.0.1:9/elsewhere"})])
    with pytest.raises(Refused, match="302"):
        device.deliverer(server).send_pending()
    assert len(server.requests) == 1
    assert device.waiting() == [HR, IBI]


def test_files_left_by_a_device_that_was_switched_off_are_sent_by_the_next_start(
    device: _Device, serve: Serve
) -> None:
    device.state.close()
    device.state = StateFolder(device.state.path)
    server = serve([_received(_receipt(HR), _receipt(IBI))])
    device.deliverer(server).send_pending()
    assert len(device.receipts) == 2
    device.state.close()


def test_a_server_of_an_unknown_authority_is_never_spoken_to(
    device: _Device, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve([_received()])
    # What requests would prefer to a session's own choice.
    monkeypatch.setitem(os.environ, "REQUESTS_CA_BUNDLE", str(server.authority))
    other = tmp_path / "other.pem"
    other.write_bytes(device.state.credentials.read_bytes())
    with pytest.raises(Untrusted, match="not trusted"):
        Door(server.url, device.state.credentials, other).whoami()
    assert server.requests == []


def test_a_server_that_is_not_there_is_named(device: _Device, serve: Serve) -> None:
    server = serve([_received()])
    door = Door("https://127.0.0.1:1", device.state.credentials, server.authority)
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1: Connection refused"):
        door.whoami()


@pytest.mark.parametrize("url", ["http://h:1", "h:8443", "https://", "https://h:x", "https://[::1"])
def test_an_address_that_is_none_is_named(url: str, device: _Device) -> None:
    with pytest.raises(DeviceError, match="not an address"):
        Door(url, device.state.credentials, device.state.credentials)


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ("https://h:8443", "https://h:8443/device_endpoint"),
        ("https://h:8443/", "https://h:8443/device_endpoint"),
        ("https://h/device_endpoint/", "https://h/device_endpoint/"),
        ("https://[::1]:8443", "https://[::1]:8443/device_endpoint"),
    ],
)
def test_the_endpoints_path_is_added_where_absent(given: str, whole: str, device: _Device) -> None:
    assert Door(given, device.state.credentials, device.state.credentials).url == whole


def test_a_bound_device_sends_no_key(serve: Serve, open_door: OpenDoor, patience: Patience) -> None:
    server = serve([Scripted(200, WHOAMI)])
    assert join(open_door(server), "dpsk_secret", patience).identity == "ward-3"
    assert [method for method, _, _ in server.requests] == ["GET"]


def test_an_unknown_device_registers_once_the_server_has_time(
    serve: Serve, open_door: OpenDoor, patience: Patience, pauses: list[float]
) -> None:
    unbound = Scripted(403, problem(403, "certificate_not_bound", True))
    throttled = Scripted(429, problem(429, "too_many_requests", True), {"Retry-After": "3"})
    server = serve([unbound, throttled, Scripted(200, WHOAMI)])
    assert join(open_door(server), "dpsk_secret", patience).identity == "ward-3"
    assert server.requests[1] == ("POST", "application/json", b'{"PSK": "dpsk_secret"}')
    assert min(pauses) >= 3


def test_an_unknown_device_without_a_key_says_so(
    serve: Serve, open_door: OpenDoor, patience: Patience
) -> None:
    server = serve([Scripted(403, problem(403, "certificate_not_bound", True))])
    with pytest.raises(DeviceError, match="give a PSK"):
        join(open_door(server), "", patience)


def test_a_refused_key_is_not_tried_again(
    serve: Serve, open_door: OpenDoor, patience: Patience, pauses: list[float]
) -> None:
    unbound = Scripted(403, problem(403, "certificate_not_bound", True))
    refused = Scripted(400, problem(400, "registration_failed", False))
    server = serve([unbound, refused])
    with pytest.raises(Refused, match="registration_failed"):
        join(open_door(server), "dpsk_wrong", patience)
    assert pauses == []
    assert len(server.requests) == 2
