"""Two real recordings, uploaded and read back: every timestamp, every value, every byte."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

import pytest
import requests
from django.contrib.auth.models import User

from identities.credentials import issue_token
from identities.models import Identity
from tests.device_api.assertions import accepted, only_receipt
from tests.device_api.reference_model import take
from tests.support.devices import Device
from tests.support.stack import Stack
from tests.support.stored_data import original, stored_samples

DATA = Path(__file__).parent.parent / "data"
RECORDINGS = ["hr_measurement_2019_06_11", "ibi_measurement_2019_06_11"]


def samples_of(content: bytes) -> dict[int, float]:
    found: dict[int, float] = {}
    take(found, content)
    return found


def read_csv(text: str) -> dict[int, float]:
    rows = csv.reader(io.StringIO(text))
    assert next(rows) == ["time_ms", "value"]
    pairs = [(int(time), float(value)) for time, value in rows]
    assert pairs == sorted(pairs)
    return dict(pairs)


@pytest.fixture
def token(live_db: None, stack: Stack) -> str:
    return issue_token(User.objects.get(username=stack.superuser_name))[1]


@pytest.mark.parametrize("recording", RECORDINGS)
def test_a_recording_comes_back_exactly(
    recording: str, bound: Device, identity: Identity, stack: Stack, token: str
) -> None:
    content = (DATA / recording).read_bytes()
    name = recording.partition("_")[0]
    expected = samples_of(content)
    counts = take({}, content)

    receipt = only_receipt(accepted(bound.upload((name, recording, content))))
    assert receipt["samples"] == content.count(b"\n")
    assert {key: receipt[key] for key in counts} == counts
    assert (receipt["first_ms"], receipt["last_ms"]) == (min(expected), max(expected))
    assert receipt["sha256"] == hashlib.sha256(content).hexdigest()

    assert stored_samples(identity, name) == expected
    assert original(receipt) == content

    exported = stack.manage("export_samples", identity.name, name)
    assert (exported.returncode, exported.stderr) == (0, "")
    assert read_csv(exported.stdout) == expected

    def read(path: str) -> requests.Response:
        answer = requests.get(
            f"{stack.staff_url}/api/v1/{path}",
            headers={"Authorization": f"Bearer {token}"},
            verify=str(stack.ca_file),
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        return answer

    assert read(f"measurements/{receipt['id']}/content").content == content
    samples = f"series/{identity.name}/{name}/samples"
    assert read_csv(read(samples).text) == expected
    pairs = read(f"{samples}?format=json").json()["samples"]
    assert {time: float(value) for time, value in pairs} == expected


def test_both_recordings_in_one_request(bound: Device, identity: Identity) -> None:
    contents = {recording: (DATA / recording).read_bytes() for recording in RECORDINGS}
    body = accepted(
        bound.upload(*((name.partition("_")[0], name, one) for name, one in contents.items()))
    )
    for receipt, content in zip(body["files"], contents.values(), strict=True):
        assert receipt["status"] == "stored"
        assert original(receipt) == content
        assert stored_samples(identity, receipt["name"]) == samples_of(content)
