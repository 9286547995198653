"""Many devices of one identity at once: as if their files had come one after the other."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from identities.models import Identity
from ingest.maintenance.verification import verify_series
from ingest.models import Measurement
from tests.device_api.assertions import accepted, only_receipt
from tests.device_api.reference_model import take
from tests.support.concurrency import at_once
from tests.support.devices import Device
from tests.support.examples import bounded
from tests.support.stored_data import file_count, original, stored_samples

DEVICES = 8
UPLOADS = bounded(26)
MANY_UPLOADS = 130
START = 1_526_292_000_000  # ten minutes before a full hour
SPAN_SECONDS = 3 * 3600

NewBound = Callable[..., Device]


def random_file(chance: random.Random) -> bytes:
    """Return lines of a window somewhere in three hours, some of them twice, in any order."""
    first = chance.randrange(SPAN_SECONDS)
    seconds = chance.sample(range(first, first + 900), chance.randint(1, 120))
    seconds += chance.sample(seconds, chance.randrange(len(seconds)) // 4)
    return b"".join(
        b"%d,%d\n" % (START + 1000 * second, chance.randint(60, 63)) for second in seconds
    )


def upload_at_random(device: Device, seed: int, uploads: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    sent: list[tuple[str, str, bytes]] = []
    receipts: list[dict[str, Any]] = []
    for _ in range(uploads):
        files = [("hr", "f", random_file(chance))]
        if chance.random() < 0.2:
            files.append(("ibi", "f", random_file(chance)))
        if sent and chance.random() < 0.2:
            files.append(chance.choice(sent))
        chance.shuffle(files)
        sent += files
        receipts += accepted(device.upload(*files))["files"]
    return receipts


@pytest.mark.parametrize("uploads", [UPLOADS, pytest.param(MANY_UPLOADS, marks=pytest.mark.debian)])
def test_overlapping_uploads_end_as_a_replay_in_their_order(
    new_bound: NewBound, identity: Identity, uploads: int
) -> None:
    devices = [new_bound() for _ in range(DEVICES)]
    answered = at_once(
        [partial(upload_at_random, device, seed, uploads) for seed, device in enumerate(devices)]
    )
    receipts = {
        receipt["id"]: receipt
        for of_one_device in answered
        for receipt in of_one_device
        if receipt["status"] == "stored"
    }
    stored = list(Measurement.objects.filter(identity=identity).order_by("sequence"))
    assert len(stored) == len(receipts) >= DEVICES * uploads
    assert len({one.sequence for one in stored}) == len(stored)

    series: dict[str, dict[int, float]] = {"hr": {}, "ibi": {}}
    for one in stored:
        receipt = receipts[str(one.pk)]
        counts = take(series[one.name], original(receipt))
        assert counts == {key: receipt[key] for key in counts}
        assert counts == {name: getattr(one, name) for name in counts}
        assert receipt["samples"] == sum(counts.values())
    for name, samples in series.items():
        assert stored_samples(identity, name) == samples
        assert sum(one.new for one in stored if one.name == name) == len(samples)
        verified = verify_series(identity.pk, name)
        assert verified.is_clean, verified
        assert verified.samples == len(samples)
    print(  # noqa: T201 - shown by pytest -s
        f"{len(stored)} files of {DEVICES} devices at once, "
        f"{sum(one.samples for one in stored)} lines, "
        f"{sum(one.replaced for one in stored)} replaced, "
        f"{sum(one.identical for one in stored)} identical, "
        f"{sum(map(len, series.values()))} samples: as the dictionary has them"
    )


def test_the_same_file_eight_times_at_once_is_stored_once(
    new_bound: NewBound, identity: Identity
) -> None:
    devices = [new_bound() for _ in range(DEVICES)]
    for device in devices:
        device.whoami()  # connected before it begins
    content = b"".join(b"%d,60\n" % (START + 1000 * i) for i in range(3600))
    answers = at_once([partial(device.upload, ("hr", "f", content)) for device in devices])
    receipts = [only_receipt(accepted(answer)) for answer in answers]
    assert len({receipt["id"] for receipt in receipts}) == 1
    assert Counter(receipt["status"] for receipt in receipts) == {"stored": 1, "duplicate": 7}
    assert len({tuple(sorted({**one, "status": ""}.items())) for one in receipts}) == 1
    assert file_count(identity) == 1
    assert len(stored_samples(identity, "hr")) == 3600


def test_requests_with_series_in_another_order_never_deadlock(
    new_bound: NewBound, identity: Identity
) -> None:
    names = ["a", "b", "c", "d"]

    def send(device: Device, number: int) -> None:
        for turn in range(10):
            order = names if (number + turn) % 2 else names[::-1]
            content = b"%d,%d\n" % (START + 1000 * turn, number)
            accepted(device.upload(*((name, "f", content) for name in order)))

    devices = [new_bound() for _ in range(4)]
    at_once([partial(send, device, number) for number, device in enumerate(devices)])
    assert file_count(identity, status="stored") == 4 * 10 * 4
    assert all(len(stored_samples(identity, name)) == 10 for name in names)
