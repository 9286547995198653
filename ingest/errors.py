"""Every way in which the device door says no: one class each, which knows its answer.

``code`` ends up in ``type`` as ``urn:device-endpoint:CODE``. ``retryable`` tells the device
whether these bytes may be accepted later (keep them) or never will be (RFC 9457 has no word
for it). Verbs raise them, ``ingest.api.responses`` turns them into bodies.
"""

from __future__ import annotations

from typing import ClassVar


class ProblemResponse(Exception):
    """A request that is refused, with what the device is told about it.

    ``detail`` is one sentence for the person who reads the device's log; ``extra`` holds
    further members of the body; ``retry_after`` is in seconds.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    status: int
    retryable: bool = False
    default_detail: ClassVar[str] = ""
    outcome: str = ""  # the true reason, for the log, where the code does not tell it

    def __init__(
        self,
        detail: str = "",
        *,
        retry_after: int | None = None,
        **extra: object,
    ) -> None:
        super().__init__(detail or self.default_detail)
        self.detail = detail or self.default_detail
        self.retry_after = retry_after
        self.extra = extra

    def as_problem(self, request_id: str) -> dict[str, object]:
        """Return the members of the ``application/problem+json`` body."""
        return {
            "type": f"urn:device-endpoint:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
            "retryable": self.retryable,
            **self.extra,
        }


# --- What was asked for --------------------------------------------------------------------
class NotFound(ProblemResponse):
    """No such path at this door."""

    code, status, title = "not_found", 404, "No such path"
    default_detail = "This door has one path: /device_endpoint."


class MethodNotAllowed(ProblemResponse):
    """A method other than GET, HEAD and POST."""

    code, status, title = "method_not_allowed", 405, "Method not allowed"
    default_detail = "Use GET to check the connection and POST to register or to upload."


class UnsupportedMediaType(ProblemResponse):
    """A body that is neither JSON nor multipart."""

    code, status, title = "unsupported_media_type", 415, "Unsupported media type"
    default_detail = (
        "Send application/json to register and multipart/form-data to upload measurement files."
    )


class UnsupportedContentEncoding(ProblemResponse):
    """A compressed body that this door does not inflate."""

    code, status, title = "unsupported_content_encoding", 415, "Unsupported content encoding"
    default_detail = "Multipart bodies may be sent with Content-Encoding gzip, JSON bodies plain."


# --- Whose it is ---------------------------------------------------------------------------
class CertificateRefusal(ProblemResponse):
    """The certificate, or what staff did with it or its identity, forbids the request.

    Status 403, and worth keeping the data for; in an attempt to register 400, and final.
    """

    status = 403
    retryable = True

    def at_registration(self) -> CertificateRefusal:
        """Return this refusal as it is told to a device that tries to register."""
        self.status, self.retryable = 400, False
        return self


class CertificateMissing(CertificateRefusal):
    """No client certificate came with the connection."""

    code, title = "certificate_missing", "No client certificate"
    default_detail = (
        "The TLS connection brought no client certificate. If the device sent one, its key may "
        "be of a kind that TLS does not offer here: use EC P-256, RSA 2048 or Ed25519."
    )


class CertificateNotBound(CertificateRefusal):
    """A certificate that no identity owns."""

    code, title = "certificate_not_bound", "This certificate is not registered"
    default_detail = "Register it first: POST a pre-shared key as application/json to this URL."


class CertificateSuspended(CertificateRefusal):
    """A certificate that staff suspended."""

    code, title = "certificate_suspended", "This certificate is suspended"
    default_detail = "Staff have suspended it. Keep the data and ask them."


class CertificateRevoked(CertificateRefusal):
    """A certificate that staff revoked."""

    code, title = "certificate_revoked", "This certificate is revoked"
    default_detail = "Staff have revoked it. Keep the data, and ask them for a new pre-shared key."


class CertificateExpired(CertificateRefusal):
    """A certificate past its end date."""

    code, title = "certificate_expired", "This certificate has expired"
    default_detail = "Make a new certificate and register it with a new pre-shared key."


class CertificateNotYetValid(CertificateRefusal):
    """A certificate before its start date."""

    code, title = "certificate_not_yet_valid", "This certificate is not valid yet"
    default_detail = "Its start date lies ahead: compare the device's clock with server_time_ms."


class CertificateUnacceptable(CertificateRefusal):
    """A certificate whose key, curve, usage or extensions are not accepted (``reason``)."""

    code, title = "certificate_unacceptable", "This certificate cannot be used"
    default_detail = (
        "Make another: EC P-256, RSA of 2048 bits or more or Ed25519, digitalSignature and "
        "clientAuth allowed, no unknown critical extension."
    )


class IdentityInactive(CertificateRefusal):
    """The identity that the certificate belongs to was made inactive by staff."""

    code, title = "identity_inactive", "This identity is inactive"
    default_detail = "Staff have made it inactive. Keep the data and ask them."


# --- Registering ---------------------------------------------------------------------------
class InvalidJson(ProblemResponse):
    """A body that is not one JSON object with one string ``PSK``."""

    code, status, title = "invalid_json", 400, "Not a registration body"
    default_detail = 'Send one JSON object with one string member: {"PSK": "dpsk_..."}.'


class RegistrationFailed(ProblemResponse):
    """The key did not bind the certificate; ``outcome`` is the true reason, for staff only."""

    code, status, title = "registration_failed", 400, "Registration failed"
    default_detail = "The pre-shared key was not accepted for this certificate. Ask staff why."

    def __init__(self, outcome: str) -> None:
        super().__init__()
        self.outcome = outcome


# --- Uploading -----------------------------------------------------------------------------
class InvalidMultipart(ProblemResponse):
    """Damaged framing: nothing of the request is stored."""

    code, status, title = "invalid_multipart", 400, "Not a valid multipart body"


class RequestTooLarge(ProblemResponse):
    """More bytes than the limit, counted after inflating."""

    code, status, title = "request_too_large", 413, "Request too large"


class TooManyFiles(ProblemResponse):
    """More files in a request than the limit."""

    code, status, title = "too_many_files", 413, "Too many files"


class TooManyLines(ProblemResponse):
    """A file with more lines than the limit."""

    code, status, title = "too_many_lines", 413, "Too many lines"


class UnreadableFile(ProblemResponse):
    """At least one file could not be read; ``files`` holds a receipt for each."""

    code, status, title = "unreadable_file", 422, "A file could not be read"
    default_detail = (
        "Each rejected file lists its errors; the other files of this request are stored."
    )


# --- Later ---------------------------------------------------------------------------------
class LaterRefusal(ProblemResponse):
    """The same bytes may be accepted later; the answer always says when to come again."""

    retryable = True

    def __init__(self, detail: str = "", *, retry_after: int, **extra: object) -> None:
        super().__init__(detail, retry_after=retry_after, **extra)


class TooManyRequests(LaterRefusal):
    """A throttle; ``retry_after`` seconds from now there is room again."""

    code, status, title = "too_many_requests", 429, "Too many requests"
    default_detail = "Wait for Retry-After seconds, with jitter, and send the same again."


class BytesOfDayUsedUp(TooManyRequests):
    """The quota of bytes a day of the identity; ``retry_after`` leads into the next day."""

    outcome = "bytes_of_day_used_up"
    default_detail = "This identity has sent its bytes of today (UTC). Keep the data for tomorrow."


class DatabaseUnavailable(LaterRefusal):
    """The database is away, or what became of a transaction is unknown."""

    code, status, title = "database_unavailable", 503, "The database is not available"
    default_detail = "Nothing is lost: send the same again after Retry-After seconds."


class InternalError(LaterRefusal):
    """A fault of ours, logged with its trace."""

    code, status, title = "internal_error", 503, "A fault on the server"
    default_detail = "The server's log holds the cause under this request_id. Keep the data."
