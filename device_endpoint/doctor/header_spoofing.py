"""Verify that a certificate claimed in a request header is rejected.

Every known way to claim a certificate is tried through nginx, at every socket of this installation
without nginx, and at every TCP port on which one of its processes listens. Each attempt is a GET,
whose response names the certificate that the application has accepted.
"""

from __future__ import annotations

import hashlib
import http.client
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings

from device_endpoint import local_probe, nginx_upstreams
from device_endpoint.doctor.listening_ports import Listener, list_listeners
from device_endpoint.doctor.results import Finding, fail, ok, warn
from device_endpoint.env import read_list
from ingest import probe_mark

PATH = "/device_endpoint"
HEADER_NAMES = (
    "X-Client-Cert",
    "X_Client_Cert",
    "X.Client.Cert",
    "Client-Cert",
    "X-SSL-Client-Cert",
    "X-SSL-Cert",
    "SSL-Client-Cert",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-Tls-Client-Cert",
    "X-Amzn-Mtls-Clientcert",
)
Headers = list[tuple[str, str]]
Connect = Callable[[], http.client.HTTPConnection]


@dataclass(frozen=True)
class ForgedCertificate:
    """A valid certificate that is bound to no identity."""

    pem: bytes
    key: bytes
    sha256: str

    def claims(self) -> Iterator[Headers]:
        """Yield the request headers of each way to claim this certificate."""
        escaped = quote(self.pem.decode(), safe="")
        for name in HEADER_NAMES:
            verify = name.replace("Cert", "Verify") if name.startswith("X") else "X-Client-Verify"
            yield [(name, escaped), (verify, "SUCCESS"), ("X-Client-Verify", "SUCCESS")]
        claim = [("X-Client-Cert", escaped), ("X-Client-Verify", "SUCCESS")]
        yield [*claim, *claim]
        yield [*claim, ("Connection", "X-Client-Cert, close")]
        yield [*claim, ("X-Proxy-Secret", "guessed")]


def forge_certificate() -> ForgedCertificate:
    """Return a new self-signed certificate that is valid for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "doctor")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = (
        builder.not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return ForgedCertificate(
        certificate.public_bytes(pem),
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest(),
    )


def is_accepted(response: local_probe.Response, sha256: str) -> bool:
    """Return whether a response shows that the claimed certificate was accepted."""
    return sha256.encode() in response.body or response.status < 400


def run() -> list[Finding]:
    forged = forge_certificate()
    return [
        _check_via_nginx(forged),
        *_check_services(forged),
        *_check_app_hosts(forged),
        *_check_listeners(forged),
    ]


def _try_claims(connect: Connect, forged: ForgedCertificate) -> tuple[int, list[str]]:
    """Return the number of claims that were answered and the headers of the accepted ones."""
    count, accepted = 0, []
    mark = (probe_mark.HEADER, probe_mark.make_mark(settings.PROXY_SECRET))
    for headers in forged.claims():
        response = local_probe.get(connect(), PATH, [*headers, mark])
        if response.status == 429 or response.status >= 500:
            raise http.client.HTTPException(f"answered {response.status}")
        count += 1
        if is_accepted(response, forged.sha256):
            accepted.append(headers[0][0])
    return count, accepted


def _check_via_nginx(forged: ForgedCertificate) -> Finding:
    name = "forged certificates through nginx"
    own = forge_certificate()
    with tempfile.TemporaryDirectory(prefix="doctor-") as folder:
        pair = Path(folder) / "own.crt", Path(folder) / "own.key"
        pair[0].write_bytes(own.pem)
        pair[1].write_bytes(own.key)
        port = settings.DEVICE_PORT
        try:
            count, accepted = _try_claims(lambda: local_probe.via_nginx(port), forged)
            with_own, also = _try_claims(lambda: local_probe.via_nginx(port, pair), forged)
        except local_probe.PROBE_ERRORS as error:
            return warn(name, f"not tested: {error}", "start the installation, then run it again")
    if accepted or also:
        return fail(
            name,
            f"ACCEPTED, by {', '.join(sorted({*accepted, *also}))}",
            "include device_proxy.conf in every proxied location and set headers nowhere else",
        )
    return ok(name, f"{count + with_own} forged certificates, all rejected")


def _check_services(forged: ForgedCertificate) -> list[Finding]:
    """Return a finding on this host's sockets, or none if nginx uses only other hosts."""
    services = [
        service
        for service in ("device", "staff")
        if nginx_upstreams.LOCAL
        in (getattr(settings, f"{service.upper()}_UPSTREAMS") or [nginx_upstreams.LOCAL])
    ]
    return [_check_sockets(services, forged)] if services else []


def _check_sockets(services: list[str], forged: ForgedCertificate) -> Finding:
    name = "forged certificates bypassing nginx"
    total, accepted = 0, []
    for service in services:
        path = local_probe.service_socket(service)
        try:
            count, headers = _try_claims(partial(local_probe.direct, path), forged)
        except local_probe.PROBE_ERRORS as error:
            remedy = "start the installation, then run it again"
            return warn(name, f"{path}: not tested: {error}", remedy)
        total += count
        accepted += [f"{service}.sock by {header}" for header in headers]
    if accepted:
        return fail(name, f"ACCEPTED: {', '.join(accepted)}", "change PROXY_SECRET and restart")
    return ok(name, f"{total} forged certificates at {len(services)} sockets, all rejected")


def _check_app_hosts(forged: ForgedCertificate) -> Iterator[Finding]:
    """Yield a finding for each app host: it must answer, and only with the proxy secret."""
    for address in nginx_upstreams.over_tcp(
        [*settings.DEVICE_UPSTREAMS, *settings.STAFF_UPSTREAMS]
    ):
        name, remedy = f"app host {address}", "start it, or remove it from the upstreams"
        connect = partial(local_probe.plain_tcp, *nginx_upstreams.split(address))
        try:
            count, accepted = _try_claims(connect, forged)
        except local_probe.PROBE_ERRORS as error:
            yield warn(name, f"does not answer: {error}", remedy)
            continue
        if accepted:
            yield fail(
                name,
                f"ACCEPTED without the proxy secret, by {', '.join(accepted)}",
                "give it the PROXY_SECRET of this host and restart it",
            )
        else:
            yield ok(
                name, f"answers; {count} forged certificates without the proxy secret, all rejected"
            )


def _check_listeners(forged: ForgedCertificate) -> list[Finding]:
    name = "listeners"
    listeners = list_listeners()
    if not listeners:
        return [warn(name, "no process of this installation was found", "run it as its own user")]
    nginx_ports = {settings.DEVICE_PORT, settings.STAFF_PORT}
    tcp_binds = [bind for bind in read_list("GUNICORN_BIND", []) if not bind.startswith("unix:")]
    configured = {int(bind.rpartition(":")[2]) for bind in tcp_binds if ":" in bind}
    findings = [
        _check_listener(listener, forged, is_configured=listener.port in configured)
        for listener in listeners
        if listener.port not in nginx_ports
    ]
    return findings or [ok(name, "no TCP port except nginx's two")]


def _check_listener(
    listener: Listener, forged: ForgedCertificate, *, is_configured: bool
) -> Finding:
    name = f"listener {listener.host}:{listener.port}"
    remedy = "make gunicorn listen on its socket only (unset GUNICORN_BIND)"
    connect = partial(local_probe.plain_tcp, listener.host, listener.port)
    try:
        count, accepted = _try_claims(connect, forged)
    except local_probe.PROBE_ERRORS:
        return warn(name, f"{listener.program} listens here and speaks no HTTP", remedy)
    if accepted:
        return fail(name, f"ACCEPTED without nginx, by {', '.join(accepted)}", remedy)
    text = f"{count} forged certificates, all rejected"
    if is_configured:
        return ok(name, f"for nginx on other hosts (GUNICORN_BIND); {text}")
    return warn(name, f"{listener.program} listens without nginx; {text}", remedy)
