"""The device API's one view: check the connection, register, renew, upload."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, NoReturn, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from identities import request_id
from identities.models import Identity
from ingest import (
    certificate_renewal,
    device_contacts,
    interrupted_uploads,
    registration,
    uploads,
)
from ingest.api import metrics, parsers, problem_json, responses
from ingest.api.authentication import (
    CertificateAuthentication,
    PresentedCertificate,
    check_certificate_to_register,
    is_tolerated,
    resolve_binding,
    resolve_cached,
)
from ingest.api.problem_json import REFUSALS, CertificateRefused, ProblemResponse
from ingest.certificate_lookup import Binding
from ingest.certificate_renewal import CertificateNotLive, CertificateSuperseded
from ingest.device_requests import describe_request
from ingest.escaping import MARKUP, escape
from ingest.parsing.certificates import ClientCertificate
from ingest.parsing.registration_json import InvalidJson, is_renewal, read_psk
from ingest.quotas import DailyQuotaExhausted
from ingest.receipts import Receipt
from ingest.registration import Registered, RegistrationFailed
from ingest.registration_outcomes import Outcome
from ingest.registration_throttle import RegistrationThrottled
from ingest.storage import durability_check, transactions
from ingest.uploads import (
    NoLongerAllowed,
    UploadedFile,
    Uploader,
    UploadLimits,
    accepted_time_window,
    file_limits,
)

MAX_IGNORED, MAX_IGNORED_LENGTH = 20, 64
_UPLOAD_REFUSALS: tuple[type[Exception], ...] = (NoLongerAllowed, *REFUSALS)


class DeviceEndpoint(APIView):
    """The one URL of the device API; method and media type choose the action.

    A request is refused for the first of: method, media type, certificate, size, body. Django
    REST framework would check the certificate first, hence ``initial``.
    """

    http_method_names = ["get", "head", "post"]
    authentication_classes = [CertificateAuthentication]
    permission_classes = ()
    throttle_classes = ()
    parser_classes = ()  # ingest.api.parsers reads the bodies, in the order of refusals

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse what can be refused before the body is read."""
        self.started = time.perf_counter()
        request_id.begin(request._request)
        if (request.method or "").lower() not in self.http_method_names:
            raise ProblemResponse(problem_json.METHOD_NOT_ALLOWED)
        self.is_json = False
        self.upload: parsers.Upload | None = None
        if request.method == "POST":
            self.is_json = parsers.read_media_type(request._request) == parsers.JSON
        try:
            self.presented = cast("PresentedCertificate", request.auth)
        except CertificateRefused as refusal:
            if not self.is_json:
                raise
            body = _read_json_if_any(request._request)
            _record_refused_certificate(request._request, refusal, body)
            raise refusal.at_registration() from refusal

    def get(self, request: Request) -> HttpResponse:
        """Return the device's identity and the published limits; change nothing."""
        binding = resolve_binding(self.presented)
        device_contacts.record(binding, describe_request(request._request.META), is_upload=False)
        return responses.json_response(
            {
                **_describe_binding(binding.identity_name, binding, already_bound=True),
                "limits": published_limits(),
                "server_time_ms": time.time_ns() // 1_000_000,
            }
        )

    def post(self, request: Request) -> HttpResponse:
        """Register, issue a renewal key, or store files, by media type and body."""
        if not self.is_json:
            size = parsers.read_size_of_large_upload(request._request)
            if size is None:
                return self._upload(request)
            with interrupted_uploads.marked(self.presented.sha256, size):
                return self._upload(request)
        try:
            certificate = check_certificate_to_register(self.presented)
        except CertificateRefused as refusal:
            refused_body = _read_json_if_any(request._request)
            if is_renewal(refused_body) and is_tolerated(refusal.problem.code):
                return self._issue_renewal_key()
            _record_refused_certificate(
                request._request, refusal, refused_body, self.presented.sha256
            )
            raise
        body = parsers.read_json(request._request)
        if is_renewal(body):
            return self._issue_renewal_key()
        return self._register(request._request, certificate, read_psk(body))

    def _register(
        self, request: HttpRequest, certificate: ClientCertificate, psk: str
    ) -> HttpResponse:
        described = describe_request(request.META)

        def work() -> Registered:
            durability_check.ensure_durable()
            durability_check.ensure_all_nodes_answer()
            return registration.register(certificate, psk, described)

        try:
            registered = transactions.run_with_retry(work)
        except RegistrationFailed as refusal:
            metrics.count_registration(refusal.outcome)
            raise
        except RegistrationThrottled:
            metrics.count_registration(Outcome.THROTTLED.value)
            raise
        outcome = Outcome.ALREADY_BOUND if registered.already_bound else Outcome.REGISTERED
        metrics.count_registration(outcome.value)
        return responses.json_response(
            _describe_binding(
                registered.identity, certificate, already_bound=registered.already_bound
            )
        )

    def _issue_renewal_key(self) -> HttpResponse:
        binding = resolve_binding(self.presented)
        try:
            psk, expires_at = transactions.run_with_retry(
                lambda: certificate_renewal.issue_renewal_key(binding.certificate_id)
            )
        except CertificateSuperseded as error:
            raise CertificateRefused(problem_json.CERTIFICATE_SUPERSEDED) from error
        except (CertificateNotLive, Identity.DoesNotExist):
            resolve_binding(self.presented)  # erased or revoked meanwhile: raises the refusal
            raise
        return responses.json_response({"PSK": psk, "expires_at": _iso(expires_at)})

    def _upload(self, request: Request) -> HttpResponse:
        try:
            binding = resolve_cached(self.presented) or resolve_binding(self.presented)
            receipts = self._store_files(request, binding)
        except _UPLOAD_REFUSALS as refusal:
            # The cached binding may be outdated, and the certificate is checked before the body.
            binding = resolve_binding(self.presented)
            if isinstance(refusal, DailyQuotaExhausted):
                metrics.count_upload_over_quota()
            if not isinstance(refusal, NoLongerAllowed):
                raise
            receipts = self._store_files(request, binding)
        upload = cast("parsers.Upload", self.upload)
        _count(upload.files, receipts)
        metrics.time_upload(time.perf_counter() - self.started)
        files = [receipt.as_json() for receipt in receipts]
        ignored = list_ignored(upload.ignored)
        if any(receipt.status == "rejected" for receipt in receipts):
            raise ProblemResponse(problem_json.UNREADABLE_FILE, files=files, **ignored)
        device_contacts.record(binding, describe_request(request._request.META), is_upload=True)
        return responses.json_response(
            {"request_id": request_id.current(), "files": files, **ignored}
        )

    def _store_files(self, request: Request, binding: Binding) -> list[Receipt]:
        if self.upload is None:
            self.upload = parsers.read_upload(request._request)
        uploader = Uploader(binding.identity_id, binding.certificate_id)
        limits = UploadLimits(file_limits(), settings.MAX_HOURS_PER_REQUEST)
        return uploads.store_files(uploader, self.upload.files, accepted_time_window(), limits)

    def get_exception_handler(self) -> Any:
        return responses.handle_exception

    def handle_exception(self, exc: Exception) -> Any:
        """Answer a refusal, and keep it as the last one of its certificate."""
        response = super().handle_exception(exc)
        presented = getattr(self, "presented", None)
        if presented is not None:
            responses.record_refusal(presented.sha256, exc, self.request._request)
        return response

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Drain the rest of the body, whatever the answer; HEAD gets no content."""
        http_request: HttpRequest = getattr(request, "_request", request)
        parsers.drain(http_request)
        # Break the cycle of view and request so that the files are freed immediately.
        self.upload = None
        if http_request.method == "HEAD":
            response.content = b""
        response["Cache-Control"] = "no-store"
        request_id.end()
        return response

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise ProblemResponse(problem_json.METHOD_NOT_ALLOWED)


def published_limits() -> dict[str, int]:
    """Return the limits of this installation; times are epoch milliseconds, quotas where set."""
    window = accepted_time_window()
    quotas = {
        "certificates_per_identity": settings.MAX_CERTIFICATES_PER_IDENTITY,
        "bytes_per_identity_and_day": settings.IDENTITY_DAILY_QUOTA_BYTES,
    }
    return {
        "request_bytes": settings.MAX_REQUEST_BYTES,
        "files": settings.MAX_FILES_PER_REQUEST,
        "lines_per_file": settings.MAX_LINES_PER_FILE,
        "values_per_file": settings.MAX_VALUES_PER_FILE,
        "hours_per_request": settings.MAX_HOURS_PER_REQUEST,
        "earliest_ms": window.earliest_ms,
        "latest_ms": window.latest_ms,
        "requests_per_second": settings.REQUESTS_PER_SECOND,
        "connections": settings.MAX_CONNECTIONS_PER_IP,
        "large_bodies": settings.MAX_LARGE_BODIES,
        "large_bodies_per_certificate": settings.MAX_LARGE_BODIES_PER_CERTIFICATE,
        "refused_registrations_per_minute": (
            settings.REGISTRATION_FAILURES_PER_MINUTE_PER_CERTIFICATE
        ),
        "refused_registrations_per_minute_and_address": (
            settings.REGISTRATION_FAILURES_PER_MINUTE_PER_IP
        ),
        **{name: quota for name, quota in quotas.items() if quota},
    }


def list_ignored(names: list[str]) -> dict[str, Any]:
    """Return the answer's member ``ignored``, for parts that were no files; {} without any."""
    shown = [escape(name, MAX_IGNORED_LENGTH, also=MARKUP) for name in names[:MAX_IGNORED]]
    return {"ignored": shown} if shown else {}


def _read_json_if_any(request: HttpRequest) -> dict[str, object]:
    """Return the JSON object of a request whose answer does not depend on it, {} without one."""
    try:
        return parsers.read_json(request)
    except REFUSALS:
        return {}


def _record_refused_certificate(
    request: HttpRequest,
    refusal: CertificateRefused,
    body: dict[str, object],
    sha256: bytes | None = None,
) -> None:
    """Record the attempt if the body has a key."""
    try:
        psk = read_psk(body)
    except InvalidJson:
        return
    outcome = Outcome(refusal.problem.code)
    registration.record_refused_certificate(outcome, sha256, psk, describe_request(request.META))
    metrics.count_registration(outcome.value)


def _describe_binding(identity: str, certificate: Any, *, already_bound: bool) -> dict[str, object]:
    return {
        "identity": identity,
        "certificate": {
            "sha256": bytes(certificate.sha256).hex(),
            "not_after": _iso(certificate.not_after),
        },
        "already_bound": already_bound,
    }


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _count(files: list[UploadedFile], receipts: list[Receipt]) -> None:
    for file, receipt in zip(files, receipts, strict=True):
        metrics.count_file(receipt.status, len(file.content))
        if receipt.status == "stored":
            metrics.count_samples(receipt)
