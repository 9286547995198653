"""Both doors, through nginx as others reach them, and the certificate that they show."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from django.conf import settings

from device_endpoint import server_certificate
from device_endpoint.doctor import probes
from device_endpoint.doctor.results import (
    Finding,
    fail,
    ok,
    warn,
)

WARN_DAYS = 21
FAIL_DAYS = 2


def run() -> list[Finding]:
    """Return the findings on both doors and on the server's certificate."""
    return [
        _door("device door", settings.DEVICE_PORT, "/device_endpoint", 403),
        _door("staff door", settings.STAFF_PORT, "/readyz", 200),
        _certificate(),
    ]


def _door(name: str, port: int, path: str, wanted: int) -> Finding:
    remedy = f"see {settings.VAR_DIR}/log, or start it with `make up`"
    try:
        answer = probes.ask(probes.via_nginx(port), path)
    except probes.TROUBLE as error:
        return fail(name, f"port {port} does not answer: {error}", remedy)
    if answer.status != wanted:
        return fail(name, f"port {port} answers {answer.status} at {path}", remedy)
    return ok(name, f"answers on port {port}")


def _certificate() -> Finding:
    path = server_certificate.certificate_path()
    try:
        end = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:
        return fail("server certificate", f"{path}: {error}", "set SERVER_CERTIFICATE")
    return days_left((end - datetime.now(UTC)).days)


def days_left(days: int) -> Finding:
    """Return whether a server certificate that lives ``days`` more is good for a while."""
    text = f"{days} days left" if days >= 0 else "has ended"
    if days > WARN_DAYS:
        return ok("server certificate", text)
    remedy = "renew it; one of our own making is renewed at the next `make up`"
    make = fail if days < FAIL_DAYS else warn
    return make("server certificate", text, remedy)
