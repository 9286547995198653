"""The device API under test, its test devices, and the expectations that checks share."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from device_client.api import complete_url
from device_client.atomic_files import write_private
from device_client.certificate import make_credentials, read_facts
from device_client.conformance.raw_http import RawClient, Response, expect
from device_client.multipart import FilePart, content_type, encode

JSON = {"Content-Type": "application/json"}
MEASUREMENT_NAME = "conformance"
PROBLEM_KEYS = {"type", "title", "status", "detail", "request_id", "retryable"}


@dataclass
class Target:
    """A device API. ``device`` registers with ``psk`` during the run, ``unregistered`` never does.

    ``folder`` holds their keys; a check sets ``limits`` to the published limits.
    """

    url: str
    psk: str
    authorities: Path
    folder: Path
    limits: dict[str, object] = field(default_factory=dict)
    is_registered: bool = False

    def __post_init__(self) -> None:
        self.anonymous = RawClient(complete_url(self.url), self.authorities)
        self.device = self.make_device("device")
        self.unregistered = self.make_device("unregistered")
        self._next_sample_ms = int(datetime.now(UTC).timestamp()) * 1000 - 30 * 86_400_000
        self._next_sample_ms += secrets.randbelow(86_400_000)

    def make_device(self, name: str) -> RawClient:
        """Return a client with a new key and certificate."""
        path = self.folder / f"{name}.pem"
        write_private(path, make_credentials(datetime.now(UTC)))
        return replace(self.anonymous, credentials=path)

    def register(self, device: RawClient, psk: str) -> Response:
        return device.request("POST", json.dumps({"PSK": psk}).encode(), JSON)

    def require_registration(self) -> None:
        """Raise ``CheckFailed`` unless the device is registered."""
        expect(self.is_registered, "skipped: the device could not register")

    def new_file(self, lines: int = 3, filename: str = "f.csv") -> FilePart:
        """Return a file with new samples, one a second at a random time a month ago."""
        start = self._next_sample_ms
        self._next_sample_ms += lines * 1000
        text = "".join(f"{start + 1000 * n},{60 + n % 40}\n" for n in range(lines))
        return FilePart(MEASUREMENT_NAME, filename, text.encode())

    def upload(self, *parts: FilePart) -> Response:
        body, headers = encode_form(*parts)
        return self.device.request("POST", body, headers)


def encode_form(*parts: FilePart) -> tuple[bytes, dict[str, str]]:
    """Return the body and the headers of an upload."""
    return encode(parts, "check-boundary"), {"Content-Type": content_type("check-boundary")}


def get_fingerprint(device: RawClient) -> str:
    """Return the SHA-256 of a device's certificate in the device API's notation."""
    return read_facts(device.credentials.read_bytes()).sha256 if device.credentials else ""


def get_certificate(response: Response) -> dict[str, object]:
    """Return the ``certificate`` of a response, empty if it has none."""
    certificate = response.json.get("certificate")
    return certificate if isinstance(certificate, dict) else {}


def get_receipts(response: Response) -> list[dict[str, object]]:
    files = response.json.get("files")
    return [one for one in files if isinstance(one, dict)] if isinstance(files, list) else []


def expect_problem(response: Response, status: int, *codes: str) -> None:
    """Raise ``CheckFailed`` unless this is a problem of ``status`` with one of ``codes``."""
    expected = f"{status} {' or '.join(codes)}"
    expect(
        response.status == status and (not codes or response.code in codes),
        f"expected {expected}, found {response.describe()}",
    )
    expect_problem_body(response)


def expect_problem_body(response: Response) -> None:
    """Raise ``CheckFailed`` unless the body is a problem document of the protocol."""
    media_type = response.headers.get("content-type", "nothing").partition(";")[0]
    expect(
        media_type == "application/problem+json",
        f"{response.status} has the media type {media_type}, not application/problem+json",
    )
    missing = sorted(PROBLEM_KEYS - set(response.json))
    expect(not missing, f"{response.status} lacks {', '.join(missing)}")
    status = response.json["status"]
    expect(status == response.status, f"the body of a {response.status} says {status}")
    expect(isinstance(response.json["retryable"], bool), "retryable is neither true nor false")
    expect(response.json["request_id"], f"the request_id of a {response.status} is empty")
