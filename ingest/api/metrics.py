"""Prometheus counters of the device API; ``/metrics`` adds them up over processes.

Every possible label value is created here, once: a counter that begins at 0 lets ``rate()`` see its
first event, and the upload path only looks up a key in a dictionary.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Histogram

from ingest.api.problem_json import PROBLEM_TYPES
from ingest.receipts import Receipt
from ingest.registration_outcomes import Outcome

_STATUSES = ("stored", "duplicate", "rejected")
# Seconds: from a small file on idle hardware to the time-out of a hanging process.
_BUCKETS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
)


def _children(counter: Counter, values: Iterable[str]) -> dict[str, Counter]:
    return {value: counter.labels(value) for value in values}


_refusals = Counter(
    "device_endpoint_refusals", "Requests refused by the device API, by code.", ["code"]
)
_registrations = Counter(
    "device_endpoint_registrations", "Registration attempts, by true outcome.", ["outcome"]
)
_files = Counter("device_endpoint_files", "Files received, by status of the receipt.", ["status"])
_samples = Counter(
    "device_endpoint_samples", "Samples of stored files, identical and repeated ones included."
)
_replaced = Counter(
    "device_endpoint_replaced_samples", "Stored samples that a later file replaced."
)
_repeated = Counter(
    "device_endpoint_repeated_samples", "Values not kept: a later line of the file has their time."
)
_rounded = Counter(
    "device_endpoint_rounded_samples", "Values stored as another decimal than the one sent."
)
_bytes = Counter("device_endpoint_file_bytes", "Bytes of files received, after inflating.")
_seconds = Histogram(
    "device_endpoint_upload_seconds",
    "From the head of an upload to its answer, in the application, without refused uploads.",
    buckets=_BUCKETS,
)
_over_quota = Counter(
    "device_endpoint_uploads_over_quota",
    "Uploads refused because their identity had reached its daily quota.",
)
_lenient = Counter(
    "device_endpoint_lenient_boundaries",
    "Multipart bodies whose delimiter had not exactly two dashes before the boundary.",
)

_refused_by_code = _children(_refusals, sorted(problem.code for problem in PROBLEM_TYPES))
_registered_by_outcome = _children(_registrations, [outcome.value for outcome in Outcome])
_files_by_status = _children(_files, _STATUSES)


def count_refusal(code: str) -> None:
    _refused_by_code[code].inc()


def count_registration(outcome: str) -> None:
    """Count a registration attempt by the value of its ``Outcome``."""
    _registered_by_outcome[outcome].inc()


def count_file(status: str, size: int) -> None:
    """Count a file of ``size`` bytes by the status of its receipt."""
    _files_by_status[status].inc()
    _bytes.inc(size)


def count_samples(receipt: Receipt) -> None:
    """Count the samples of a stored file, and those that are not kept as they were sent."""
    _samples.inc(receipt.samples)
    for counter, amount in (
        (_replaced, receipt.replaced),
        (_repeated, receipt.repeated),
        (_rounded, receipt.rounded),
    ):
        if amount:
            counter.inc(amount)


def count_lenient_boundary() -> None:
    """Count a body whose delimiter has not exactly two dashes before the boundary."""
    _lenient.inc()


def count_upload_over_quota() -> None:
    _over_quota.inc()


def time_upload(seconds: float) -> None:
    _seconds.observe(seconds)
