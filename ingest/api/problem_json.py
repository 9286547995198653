"""Problem details (RFC 9457) of both APIs, and the translation of exceptions for devices."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Final

from ingest.interrupted_uploads import UploadInterrupted
from ingest.parsing.multipart_form import TooManyFiles
from ingest.parsing.part_headers import InvalidMultipart
from ingest.parsing.registration_json import InvalidJson
from ingest.parsing.samples import TooManyLines, TooManyValues
from ingest.quotas import DailyQuotaExhausted, LargerThanDailyQuota
from ingest.registration import RegistrationFailed
from ingest.registration_throttle import RegistrationThrottled
from ingest.storage import transactions
from ingest.storage.disk_space import DiskNearlyFull
from ingest.storage.overlap_budget import HourNotCompacted
from ingest.storage.transactions import DATABASE_UNAVAILABLE_ERRORS, DatabaseUnavailable
from ingest.uploads import TooManyHours

CONTENT_TYPE = "application/problem+json"


def build_problem(
    code: str, *, title: str, status: int, detail: str, request_id: str, **members: object
) -> dict[str, object]:
    return {
        "type": f"urn:device-endpoint:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": request_id,
        **members,
    }


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One way in which the device API refuses a request.

    ``retryable``: the server may accept the same bytes later, so the device keeps its data.
    """

    code: str
    status: int
    title: str
    detail: str = ""
    retryable: bool = False

    @property
    def needs_retry_after(self) -> bool:
        return self.status in (429, 503)


class ProblemResponse(Exception):
    """A refused request and its answer.

    ``detail`` is one sentence for the person who reads the device's log; ``retry_after`` is in
    seconds; ``outcome`` is the true reason, for the server's log only; ``title`` replaces
    that of ``problem``; ``extra`` holds further members of the body.
    """

    def __init__(
        self,
        problem: ProblemType,
        detail: str = "",
        *,
        retry_after: int | None = None,
        outcome: str = "",
        title: str = "",
        **extra: object,
    ) -> None:
        if problem.needs_retry_after and retry_after is None:
            raise TypeError(f"{problem.code} needs retry_after")
        self.problem = problem
        self.title = title or problem.title
        self.detail = detail or problem.detail
        self.status = problem.status
        self.retryable = problem.retryable
        self.retry_after = retry_after
        self.outcome = outcome
        self.extra = extra
        super().__init__(self.detail)

    def as_json(self, request_id: str) -> dict[str, object]:
        return build_problem(
            self.problem.code,
            title=self.title,
            status=self.status,
            detail=self.detail,
            request_id=request_id,
            retryable=self.retryable,
            **self.extra,
        )


class CertificateRefused(ProblemResponse):
    """The certificate, its state or its identity's state forbids the request (403, retryable)."""

    def at_registration(self) -> CertificateRefused:
        """Return this refusal as a registration gets it: status 400, final.

        A certificate that is not valid yet will be: the device tries again, as after a 403.
        """
        self.status, self.retryable = 400, self.problem is CERTIFICATE_NOT_YET_VALID
        return self

    def as_json(self, request_id: str) -> dict[str, object]:
        """Return the body, with the server's time for devices whose clock is wrong."""
        body = super().as_json(request_id)
        if self.problem.code.startswith("certificate_"):
            body["server_time_ms"] = time.time_ns() // 1_000_000
        return body


# --- Path, method, media type --------------------------------------------------------------
NOT_FOUND: Final = ProblemType(
    "not_found", 404, "No such path", "The device API has one path: /device_endpoint."
)
METHOD_NOT_ALLOWED: Final = ProblemType(
    "method_not_allowed",
    405,
    "Method not allowed",
    "Use GET to check the connection and POST to register or to upload.",
)
UNSUPPORTED_MEDIA_TYPE: Final = ProblemType(
    "unsupported_media_type",
    415,
    "Unsupported media type",
    "Send application/json to register and multipart/form-data to upload measurement files.",
)
UNSUPPORTED_CONTENT_ENCODING: Final = ProblemType(
    "unsupported_content_encoding",
    415,
    "Unsupported content encoding",
    "Multipart bodies may be sent with Content-Encoding gzip, JSON bodies plain.",
)


# --- Certificate: 403, or 400 at registration ------------------------------------------------
def _refused(code: str, title: str, detail: str = "") -> ProblemType:
    return ProblemType(code, 403, title, detail, retryable=True)


CERTIFICATE_MISSING: Final = _refused(
    "certificate_missing",
    "No client certificate",
    "The TLS connection brought no client certificate. If the device sent one, its key may "
    "be of a kind that TLS does not offer here: use EC P-256, RSA 2048 or Ed25519.",
)
CERTIFICATE_NOT_BOUND: Final = _refused(
    "certificate_not_bound",
    "This certificate is not registered",
    "Register it first: POST a pre-shared key as application/json to this URL.",
)
CERTIFICATE_SUSPENDED: Final = _refused(
    "certificate_suspended",
    "This certificate is suspended",
    "Staff have suspended it. Keep the data and ask them.",
)
CERTIFICATE_REVOKED: Final = _refused(
    "certificate_revoked",
    "This certificate is revoked",
    "Staff have revoked it, or the device renewed again before it was used. Use the newest "
    "certificate, or keep the data and ask staff for a new pre-shared key.",
)
CERTIFICATE_SUPERSEDED: Final = _refused(
    "certificate_superseded",
    "This certificate has a successor in use",
    "The device has renewed it already: renew with the newer certificate.",
)
CERTIFICATE_EXPIRED: Final = _refused(
    "certificate_expired",
    "This certificate has expired",
    "It, or the one that issued it, has expired: make a new certificate and register it with a "
    "new pre-shared key.",
)
CERTIFICATE_NOT_YET_VALID: Final = _refused(
    "certificate_not_yet_valid",
    "This certificate is not valid yet",
    "It, or the one that issued it, starts in the future: compare the device's clock with "
    "server_time_ms.",
)
CERTIFICATE_UNACCEPTABLE: Final = _refused(
    "certificate_unacceptable", "This certificate cannot be used"
)
IDENTITY_INACTIVE: Final = _refused(
    "identity_inactive",
    "This identity is inactive",
    "Staff have made it inactive. Keep the data and ask them.",
)

# --- Registration --------------------------------------------------------------------------
INVALID_JSON: Final = ProblemType(
    "invalid_json",
    400,
    "Not a registration body",
)
REGISTRATION_FAILED: Final = ProblemType(
    "registration_failed",
    400,
    "Registration failed",
    "The pre-shared key was not accepted for this certificate. Ask staff for the reason.",
)

# --- Upload --------------------------------------------------------------------------------
INVALID_MULTIPART: Final = ProblemType("invalid_multipart", 400, "Not a valid multipart body")
REQUEST_TOO_LARGE: Final = ProblemType("request_too_large", 413, "Request too large")
TOO_MANY_FILES: Final = ProblemType("too_many_files", 413, "Too many files")
TOO_MANY_LINES: Final = ProblemType("too_many_lines", 413, "Too many lines")
TOO_MANY_VALUES: Final = ProblemType("too_many_values", 413, "Too many values")
TOO_MANY_HOURS: Final = ProblemType("too_many_hours", 413, "Too many hours")
UNREADABLE_FILE: Final = ProblemType(
    "unreadable_file",
    422,
    "A file could not be read",
    "Each rejected file lists its errors; the other files of this request are stored.",
)

# --- Temporary: the answer has Retry-After ---------------------------------------------------
TOO_MANY_REQUESTS: Final = ProblemType(
    "too_many_requests",
    429,
    "Too many requests",
    "Wait for Retry-After seconds, with jitter, and send the same again.",
    retryable=True,
)
DATABASE_UNAVAILABLE: Final = ProblemType(
    "database_unavailable",
    503,
    "The database is not available",
    "Nothing is lost: send the same again after Retry-After seconds.",
    retryable=True,
)
INTERNAL_ERROR: Final = ProblemType(
    "internal_error",
    503,
    "Internal server error",
    "The server's log holds the cause under this request_id. Keep the data.",
    retryable=True,
)

PROBLEM_TYPES: Final = tuple(
    value for value in tuple(globals().values()) if isinstance(value, ProblemType)
)

_OF_EXCEPTION: Final[dict[type[Exception], ProblemType]] = {
    DailyQuotaExhausted: TOO_MANY_REQUESTS,
    DatabaseUnavailable: DATABASE_UNAVAILABLE,
    DiskNearlyFull: DATABASE_UNAVAILABLE,
    HourNotCompacted: DATABASE_UNAVAILABLE,
    InvalidJson: INVALID_JSON,
    InvalidMultipart: INVALID_MULTIPART,
    LargerThanDailyQuota: REQUEST_TOO_LARGE,
    RegistrationFailed: REGISTRATION_FAILED,
    RegistrationThrottled: TOO_MANY_REQUESTS,
    TooManyFiles: TOO_MANY_FILES,
    TooManyHours: TOO_MANY_HOURS,
    TooManyLines: TOO_MANY_LINES,
    UploadInterrupted: INTERNAL_ERROR,
    TooManyValues: TOO_MANY_VALUES,
}
# What a refused request can raise: all else is a fault of ours.
REFUSALS: Final[tuple[type[Exception], ...]] = (ProblemResponse, *_OF_EXCEPTION)


def find_problem(error: Exception) -> ProblemResponse | None:
    """Return the answer to ``error``, None if it is a fault of ours."""
    if isinstance(error, ProblemResponse):
        return error
    if isinstance(error, DATABASE_UNAVAILABLE_ERRORS):
        retry_after = random.randint(*transactions.RETRY_AFTER_SECONDS)  # noqa: S311 - jitter
        return ProblemResponse(DATABASE_UNAVAILABLE, retry_after=retry_after)
    problem = _OF_EXCEPTION.get(type(error))
    if problem is None:
        return None
    return ProblemResponse(
        problem,
        str(error),
        retry_after=getattr(error, "retry_after", None),
        outcome=getattr(error, "outcome", ""),
        title=getattr(error, "title", ""),
    )
