"""Counters of the device door, in Prometheus' terms; ``/metrics`` adds them up over processes.

Each label value that can occur is made here, once: a series that begins at 0 lets ``rate()`` see
its first event, and the upload path looks nothing up but a key in a dictionary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import Counter, Histogram

from ingest import errors
from ingest.errors import ProblemResponse
from ingest.registration_outcomes import Outcome

STATUSES = ("stored", "duplicate", "rejected")
# From what a small file takes on idle hardware to the time after which a process is replaced.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


def _refusal_codes(kind: type[ProblemResponse] = ProblemResponse) -> Iterator[str]:
    for child in kind.__subclasses__():
        if hasattr(child, "code"):
            yield child.code
        yield from _refusal_codes(child)


def _children(counter: Counter, values: Iterable[str]) -> dict[str, Counter]:
    return {value: counter.labels(value) for value in values}


_refusals = Counter(
    "device_endpoint_refusals", "Requests refused at the device door, by code.", ["code"]
)
_registrations = Counter(
    "device_endpoint_registrations", "Attempts to register, by their true outcome.", ["outcome"]
)
_files = Counter("device_endpoint_files", "Files received, by status of their receipt.", ["status"])
_samples = Counter("device_endpoint_samples", "Data lines of stored files.")
_replaced = Counter(
    "device_endpoint_replaced_samples", "Stored samples that a later file gave another value."
)
_bytes = Counter("device_endpoint_file_bytes", "Bytes of the files received, after inflating.")
_seconds = Histogram(
    "device_endpoint_upload_seconds",
    "From the head of an upload to its answer, in the application; refused ones are left out.",
    buckets=SECONDS,
)
_over_quota = Counter(
    "device_endpoint_uploads_over_quota",
    "Uploads refused since their identity had sent its bytes of the day.",
)
_lenient = Counter(
    "device_endpoint_lenient_boundaries",
    "Multipart bodies whose delimiter was the boundary itself, taken for what was meant.",
)

_refused_by_code = _children(_refusals, sorted(set(_refusal_codes(errors.ProblemResponse))))
_registered_by_outcome = _children(_registrations, [outcome.value for outcome in Outcome])
_files_by_status = _children(_files, STATUSES)


def count_refusal(code: str) -> None:
    """Count a request that was answered with an error."""
    (_refused_by_code.get(code) or _refusals.labels(code)).inc()


def count_registration(outcome: str) -> None:
    """Count an attempt to register, of ``ingest.registration_outcomes.Outcome``."""
    _registered_by_outcome[outcome].inc()


def count_file(status: str, size: int) -> None:
    """Count a file of ``size`` bytes, by the status of its receipt."""
    _files_by_status[status].inc()
    _bytes.inc(size)


def count_samples(samples: int, replaced: int) -> None:
    """Count what a stored file brought; ``replaced`` of its samples changed stored ones."""
    _samples.inc(samples)
    if replaced:
        _replaced.inc(replaced)


def count_lenient_boundary() -> None:
    """Count a body that was framed as the protocol document's example is."""
    _lenient.inc()


def count_upload_over_quota() -> None:
    """Count an upload that was refused for the bytes its identity had sent that day."""
    _over_quota.inc()


def time_upload(seconds: float) -> None:
    """Count the time that an upload took."""
    _seconds.observe(seconds)
