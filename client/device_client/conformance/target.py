"""The door under check, and the devices that knock at it."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from device_client.api import complete_url
from device_client.atomic_files import write_private
from device_client.certificate import make_credentials, read_facts
from device_client.conformance.raw_http import Answer, Wire, expect
from device_client.multipart import FilePart, content_type, encode

JSON = {"Content-Type": "application/json"}
NAME = "conformance"
PROBLEM_KEYS = {"type", "title", "status", "detail", "request_id", "retryable"}


@dataclass
class Subject:
    """One door. ``device`` registers with ``psk`` during the run; ``stranger`` never does.

    ``folder`` holds their keys; ``limits`` are what the door publishes once it was asked.
    """

    url: str
    psk: str
    authorities: Path
    folder: Path
    limits: dict[str, object] = field(default_factory=dict)
    is_registered: bool = False

    def __post_init__(self) -> None:
        self.nobody = Wire(complete_url(self.url), self.authorities)
        self.device = self.make_device("device")
        self.stranger = self.make_device("stranger")
        self._moment = int(datetime.now(UTC).timestamp()) * 1000 - 30 * 86_400_000
        self._moment += secrets.randbelow(86_400_000)

    def make_device(self, name: str) -> Wire:
        """Return a device with a new key and certificate."""
        path = self.folder / f"{name}.pem"
        write_private(path, make_credentials(datetime.now(UTC)))
        return replace(self.nobody, credentials=path)

    def register(self, device: Wire, psk: str) -> Answer:
        """POST a key."""
        return device.ask("POST", json.dumps({"PSK": psk}).encode(), JSON)

    def needs_registration(self) -> None:
        """Raise ``Failed`` unless the device is registered by now."""
        expect(self.is_registered, "not tried: the device could not register")

    def new_file(self, lines: int = 3, filename: str = "f.csv") -> FilePart:
        """Return a file that was never sent before: seconds of last month, at random."""
        start = self._moment
        self._moment += lines * 1000
        text = "".join(f"{start + 1000 * n},{60 + n % 40}\n" for n in range(lines))
        return FilePart(NAME, filename, text.encode())

    def upload(self, *parts: FilePart) -> Answer:
        """POST files in one request."""
        body, headers = form(*parts)
        return self.device.ask("POST", body, headers)


def form(*parts: FilePart) -> tuple[bytes, dict[str, str]]:
    """Return the body of an upload and its headers."""
    return encode(parts, "check-boundary"), {"Content-Type": content_type("check-boundary")}


def fingerprint(device: Wire) -> str:
    """Return the SHA-256 of a device's certificate as the door shows it."""
    return read_facts(device.credentials.read_bytes()).sha256 if device.credentials else ""


def certificate_of(answer: Answer) -> dict[str, object]:
    """Return the ``certificate`` of an answer, empty when it has none."""
    found = answer.json.get("certificate")
    return found if isinstance(found, dict) else {}


def receipts(answer: Answer) -> list[dict[str, object]]:
    """Return the receipts of an answer."""
    found = answer.json.get("files")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def expect_problem(answer: Answer, status: int, *codes: str) -> None:
    """Raise ``Failed`` unless ``answer`` is a problem of ``status`` with one of ``codes``."""
    wanted = f"{status} {' or '.join(codes)}"
    expect(
        answer.status == status and (not codes or answer.code in codes),
        f"expected {wanted}, found {answer.told()}",
    )
    expect_problem_body(answer)


def expect_problem_body(answer: Answer) -> None:
    """Raise ``Failed`` unless the body is a problem as the protocol writes it."""
    media_type = answer.headers.get("content-type", "nothing").partition(";")[0]
    expect(
        media_type == "application/problem+json",
        f"{answer.status} came as {media_type}, not application/problem+json",
    )
    missing = sorted(PROBLEM_KEYS - set(answer.json))
    expect(not missing, f"{answer.status} lacks {', '.join(missing)}")
    told = answer.json["status"]
    expect(told == answer.status, f"the body of a {answer.status} says {told}")
    expect(isinstance(answer.json["retryable"], bool), "retryable is neither true nor false")
    expect(answer.json["request_id"], f"the request_id of a {answer.status} is empty")
