"""Check the device API and the staff site through nginx, and the server's certificate."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from django.conf import settings

from device_endpoint import local_probe, server_certificate
from device_endpoint.doctor.results import Finding, fail, ok, warn

WARN_DAYS = 21
FAIL_DAYS = 2


def run() -> list[Finding]:
    return [
        _check_status("device API", settings.DEVICE_PORT, "/device_endpoint", 403),
        _check_status("staff site", settings.STAFF_PORT, "/readyz", 200),
        *(_check_certificate(path) for path in server_certificate.certificate_paths()),
    ]


def _check_status(name: str, port: int, path: str, expected: int) -> Finding:
    remedy = f"see {settings.VAR_DIR}/log, or start it with `make up`"
    try:
        response = local_probe.get(local_probe.via_nginx(port), path)
    except local_probe.PROBE_ERRORS as error:
        return fail(name, f"port {port} does not answer: {error}", remedy)
    if response.status != expected:
        return fail(name, f"port {port} answers {response.status} at {path}", remedy)
    return ok(name, f"answers on port {port}")


def _check_certificate(path: Path) -> Finding:
    try:
        end = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:
        return fail(
            "server certificate",
            f"{path}: {error}",
            "set SERVER_CERTIFICATE or SERVER_CERTIFICATE_RSA",
        )
    return check_days_left((end - datetime.now(UTC)).days)


def check_days_left(days: int) -> Finding:
    """Judge the days until the server certificate expires; negative if it has expired."""
    text = f"{days} days left" if days >= 0 else "expired"
    if days > WARN_DAYS:
        return ok("server certificate", text)
    remedy = "renew it; a generated one is renewed by the next `make up`"
    make = fail if days < FAIL_DAYS else warn
    return make("server certificate", text, remedy)
