"""A worker that dies while it reads a body does not die of it again and again."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from identities.models import Identity
from ingest.models import InterruptedUpload
from tests.device_api.assertions import accepted, only_receipt
from tests.device_api.database_locks import series_locked, wait_for_waiting
from tests.device_api.gunicorn_workers import device_workers
from tests.device_api.stalled_bodies import SOME_OF_IT, answer_while_stalled, head
from tests.support.devices import Device, multipart
from tests.support.problem_details import assert_problem
from tests.support.stack import Stack, wait_until

LINES = b"".join(b"%d,1\n" % (1_600_000_000_000 + 1000 * second) for second in range(9000))
BODY = multipart([("hr", "f", LINES)], "B")


def test_an_upload_that_killed_a_worker_has_to_wait(
    stack: Stack, bound: Device, identity: Identity, new_bound: Callable[..., Device]
) -> None:
    before = device_workers(stack)
    request = head(length=len(BODY)) + BODY
    with series_locked(identity, "hr"), ThreadPoolExecutor(1) as pool:
        upload = pool.submit(bound.raw, request)
        wait_for_waiting(1)
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        assert_problem(upload.result(), 503, "service_unavailable", retryable=True)
    wait_until(lambda: len(device_workers(stack)) == len(before), "new workers")

    answer = answer_while_stalled(bound, head(length=len(BODY)) + SOME_OF_IT)
    assert_problem(answer, 503, "internal_error", retryable=True)
    assert 0 < int(answer[1]["retry-after"]) <= 15
    row = InterruptedUpload.objects.get(sha256=bytes.fromhex(bound.sha256))
    assert (row.size, row.count) == (len(BODY), 1)
    # The same device's other uploads, and another device's same upload, are stored.
    assert (
        only_receipt(accepted(bound.upload(("hr", "f", LINES[: 16 * 100]))))["status"] == "stored"
    )
    assert only_receipt(accepted(new_bound().upload(("hr2", "f", LINES))))["status"] == "stored"

    InterruptedUpload.objects.update(retry_at=row.last_at)
    assert bound.raw(request)[0] == 200
    assert not InterruptedUpload.objects.exists()
