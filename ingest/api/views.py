"""The device door's one view: check the connection, register, upload."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, NoReturn, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from ingest import (
    certificate_renewal,
    metrics,
    registration,
    request_id,
    uploads,
)
from ingest.accepted_times import time_window
from ingest.api import parsers, responses
from ingest.api.authentication import (
    CertificateAuthentication,
    Presented,
    certificate_to_register,
    resolve_binding,
    resolve_cached,
)
from ingest.api.limits import published_limits
from ingest.api.reading_bodies import JSON, files_of, json_of, media_type
from ingest.certificate_lookup import Binding
from ingest.errors import (
    BytesOfDayUsedUp,
    CertificateRefusal,
    MethodNotAllowed,
    ProblemResponse,
    RegistrationFailed,
    TooManyRequests,
    UnreadableFile,
)
from ingest.parsing.certificates import ClientCertificate
from ingest.parsing.registration_json import asks_to_roll, read_psk
from ingest.receipts import Receipt
from ingest.registration import Registered
from ingest.registration_outcomes import Outcome
from ingest.storage import durability_check, transactions
from ingest.uploads import NoLongerAllowed, UploadedFile, Uploader


class DeviceEndpoint(APIView):
    """One URL, told apart by method and media type.

    The first that matches wins: method, media type, certificate, size, body. Django REST
    framework would look at the certificate first, hence ``initial``.
    """

    http_method_names = ["get", "head", "post"]
    authentication_classes = [CertificateAuthentication]
    permission_classes = ()
    throttle_classes = ()
    parser_classes = ()  # ingest.api.reading_bodies reads them, in the order of refusals

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse what can be refused before the body is looked at."""
        self.started = time.perf_counter()
        request_id.begin(responses.read_request_id(request._request))
        if (request.method or "").lower() not in self.http_method_names:
            raise MethodNotAllowed
        self.is_registration = False
        self.files: list[UploadedFile] | None = None
        if request.method == "POST":
            self.is_registration = media_type(request._request) == JSON
        try:
            self.caller = cast("Presented", request.auth)
        except CertificateRefusal as refusal:
            raise (refusal.at_registration() if self.is_registration else refusal) from refusal

    def get(self, request: Request) -> HttpResponse:
        """Tell the device who it is and what it may send; changes nothing."""
        binding = resolve_binding(self.caller)
        return responses.answer(
            {
                **_identified(binding.identity_name, binding, already_bound=True),
                "limits": published_limits(),
                "server_time_ms": time.time_ns() // 1_000_000,
            }
        )

    def post(self, request: Request) -> HttpResponse:
        """Register, ask for a key to roll, or upload, by media type and body."""
        if not self.is_registration:
            return self._upload(request)
        certificate = certificate_to_register(self.caller)
        asked = json_of(request._request)
        if asks_to_roll(asked):
            return self._roll()
        return self._register(request._request, certificate, read_psk(asked))

    def _register(
        self, request: HttpRequest, certificate: ClientCertificate, psk: str
    ) -> HttpResponse:
        identifier = responses.read_request_id(request)
        address = request.META.get("HTTP_X_REAL_IP", "")

        def work() -> Registered:
            durability_check.ensure_durable()
            return registration.register(certificate, psk, address=address, request_id=identifier)

        try:
            registered = transactions.run_with_retry(work)
        except RegistrationFailed as refusal:
            metrics.count_registration(refusal.outcome)
            raise
        except TooManyRequests:
            metrics.count_registration(Outcome.THROTTLED.value)
            raise
        outcome = Outcome.ALREADY_BOUND if registered.already_bound else Outcome.REGISTERED
        metrics.count_registration(outcome.value)
        return responses.answer(
            _identified(
                registered.identity, registered.certificate, already_bound=registered.already_bound
            )
        )

    def _roll(self) -> HttpResponse:
        binding = resolve_binding(self.caller)
        psk, expires_at = transactions.run_with_retry(
            lambda: certificate_renewal.issue_renewal_key(binding.certificate_id)
        )
        return responses.answer({"PSK": psk, "expires_at": _iso(expires_at)})

    def _upload(self, request: Request) -> HttpResponse:
        try:
            receipts = self._receive(
                request, resolve_cached(self.caller) or resolve_binding(self.caller)
            )
        except (NoLongerAllowed, ProblemResponse) as refusal:
            # What was remembered may be outdated, and the certificate comes before the body.
            binding = resolve_binding(self.caller)
            if isinstance(refusal, BytesOfDayUsedUp):
                metrics.count_upload_over_quota()
            if isinstance(refusal, ProblemResponse):
                raise
            receipts = self._receive(request, binding)
        _count(self.files or [], receipts)
        metrics.time_upload(time.perf_counter() - self.started)
        shown = [receipt.as_json() for receipt in receipts]
        if any(receipt.status == "rejected" for receipt in receipts):
            raise UnreadableFile(files=shown)
        identifier = responses.read_request_id(request._request)
        return responses.answer({"request_id": identifier, "files": shown})

    def _receive(self, request: Request, binding: Binding) -> list[Receipt]:
        if self.files is None:
            self.files = files_of(request._request)
        uploader = Uploader(binding.identity_id, binding.certificate_id)
        return uploads.store_files(uploader, self.files, time_window(), settings.MAX_LINES_PER_FILE)

    def get_exception_handler(self) -> Any:
        """Return the handler that turns refusals into problem+json."""
        return responses.handle_exception

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Drain what is left of the body, whatever the answer; HEAD gets none."""
        http_request: HttpRequest = getattr(request, "_request", request)
        parsers.drain(http_request)
        # View and request refer to each other: they would stay, and the files with them, until the
        # garbage collector comes by.
        self.files = None
        # Small devices read no chunks.
        response["Content-Length"] = str(len(response.content))
        if http_request.method == "HEAD":
            response.content = b""
        response["Cache-Control"] = "no-store"
        request_id.begin("")
        return response

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse a method that ``initial`` let through (it lets none)."""
        raise MethodNotAllowed


def _identified(identity: str, certificate: Any, *, already_bound: bool) -> dict[str, object]:
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
            metrics.count_samples(receipt.samples, receipt.replaced)
