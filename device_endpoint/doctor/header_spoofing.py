"""The proof that a claimed certificate is not believed: claim one, in every way that is known.

Through nginx, past it on every socket of ours, and on every TCP port that a process of ours
listens on. What is asked is GET: who am I? The answer names the certificate that was seen.
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

from device_endpoint import nginx_upstreams
from device_endpoint.doctor import listening_ports, probes
from device_endpoint.doctor.probes import Answer
from device_endpoint.doctor.results import (
    Finding,
    fail,
    ok,
    warn,
)
from device_endpoint.env import read_list, socket_folder

PATH = "/device_endpoint"
NAMES = (
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


@dataclass(frozen=True)
class Forged:
    """A certificate, valid and fit, that nobody has registered."""

    pem: bytes
    key: bytes
    sha256: str

    def claims(self) -> Iterator[Headers]:
        """Return the headers of each way to claim it."""
        escaped = quote(self.pem.decode(), safe="")
        for name in NAMES:
            verify = name.replace("Cert", "Verify") if name.startswith("X") else "X-Client-Verify"
            yield [(name, escaped), (verify, "SUCCESS"), ("X-Client-Verify", "SUCCESS")]
        doubled = [("X-Client-Cert", escaped), ("X-Client-Verify", "SUCCESS")]
        yield [*doubled, *doubled]
        yield [*doubled, ("Connection", "X-Client-Cert, close")]
        yield [*doubled, ("X-Proxy-Secret", "guessed")]


def make() -> Forged:
    """Return a new certificate; it lives for an hour."""
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
    return Forged(
        certificate.public_bytes(pem),
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest(),
    )


def believed(answer: Answer, forged: str) -> bool:
    """Tell whether an answer shows that the claimed certificate was taken for real."""
    return forged.encode() in answer.body or answer.status < 400


def run() -> list[Finding]:
    """Return whether a claim is believed through nginx, and past it."""
    forged = make()
    return [
        _through_nginx(forged),
        *_past_nginx(forged),
        *_upstreams(forged),
        *_listeners(forged),
    ]


def _try(
    connect: Callable[[], http.client.HTTPConnection], forged: Forged, path: str = PATH
) -> tuple[int, list[str]]:
    """Return how many claims were answered and by which headers one was believed."""
    tried, taken = 0, []
    for headers in forged.claims():
        answer = probes.ask(connect(), path, headers)
        if answer.status == 429 or answer.status >= 500:
            raise http.client.HTTPException(f"answered {answer.status}")
        tried += 1
        if believed(answer, forged.sha256):
            taken.append(headers[0][0])
    return tried, taken


def _through_nginx(forged: Forged) -> Finding:
    name = "claimed certificates through nginx"
    own = make()
    with tempfile.TemporaryDirectory(prefix="doctor-") as folder:
        pair = Path(folder) / "own.crt", Path(folder) / "own.key"
        pair[0].write_bytes(own.pem)
        pair[1].write_bytes(own.key)
        port = settings.DEVICE_PORT
        try:
            without, taken = _try(lambda: probes.via_nginx(port), forged)
            with_own, also = _try(lambda: probes.via_nginx(port, pair), forged)
        except probes.TROUBLE as error:
            return warn(name, f"not tried: {error}", "start the product, then ask again")
    if taken or also:
        return fail(
            name,
            f"BELIEVED, by {', '.join(sorted({*taken, *also}))}",
            "include device_proxy.conf in every proxied location and nothing else sets headers",
        )
    return ok(name, f"{without + with_own} claims, none believed")


def _past_nginx(forged: Forged) -> list[Finding]:
    """Return what the doors of this host make of claims; none where nginx uses none of them."""
    name = "claimed certificates past nginx"
    doors = [
        door
        for door in ("device", "staff")
        if nginx_upstreams.LOCAL
        in (getattr(settings, f"{door.upper()}_UPSTREAMS") or [nginx_upstreams.LOCAL])
    ]
    return [_local(name, doors, forged)] if doors else []


def _local(name: str, doors: list[str], forged: Forged) -> Finding:
    tried, taken = 0, []
    for door in doors:
        path = socket_folder("run") / f"{door}.sock"
        try:
            count, by = _try(lambda path=path: probes.direct(path), forged)  # type: ignore[misc]
        except probes.TROUBLE as error:
            return warn(name, f"{path}: not tried: {error}", "start the product, then ask again")
        tried += count
        taken += [f"{door}.sock by {one}" for one in by]
    if taken:
        return fail(name, f"BELIEVED: {', '.join(taken)}", "set PROXY_SECRET anew and restart")
    return ok(name, f"{tried} claims on {len(doors)} sockets, none believed")


def _upstreams(forged: Forged) -> Iterator[Finding]:
    """Yield a finding for each app host: does it answer, and only with the proxy secret?"""
    everywhere = [*settings.DEVICE_UPSTREAMS, *settings.STAFF_UPSTREAMS]
    for address in nginx_upstreams.over_tcp(everywhere):
        name, remedy = f"app host {address}", "start it, or take it out of the upstreams"
        host, port = nginx_upstreams.split(address)
        try:
            tried, taken = _try(partial(probes.in_the_clear, host, port), forged)
        except probes.TROUBLE as error:
            yield warn(name, f"does not answer: {error}", remedy)
            continue
        if taken:
            yield fail(
                name,
                f"a claim was BELIEVED without the proxy secret, by {', '.join(taken)}",
                "give it the PROXY_SECRET of this host and restart it",
            )
        else:
            yield ok(name, f"answers; {tried} claims without the proxy secret refused")


def _listeners(forged: Forged) -> list[Finding]:
    name = "listeners"
    expected = {settings.DEVICE_PORT, settings.STAFF_PORT}
    found = listening_ports.of_this_installation()
    if not found:
        return [warn(name, "no process of this installation was found", "ask as its own user")]
    further = [one for one in found if one.port not in expected]
    wanted = {int(one.rpartition(":")[2]) for one in read_list("GUNICORN_BIND", []) if ":" in one
              and not one.startswith("unix:")}  # fmt: skip
    findings = [_further(one, forged, is_wanted=one.port in wanted) for one in further]
    return findings or [ok(name, "no TCP port but nginx's two")]


def _further(listener: listening_ports.Listener, forged: Forged, *, is_wanted: bool) -> Finding:
    name = f"listener {listener.host}:{listener.port}"
    remedy = "let gunicorn listen on its socket only (unset GUNICORN_BIND)"
    try:
        tried, taken = _try(lambda: probes.in_the_clear(listener.host, listener.port), forged)
    except probes.TROUBLE:
        return warn(name, f"{listener.program} listens here and speaks no HTTP", remedy)
    if taken:
        return fail(name, f"a claim was BELIEVED past nginx, by {', '.join(taken)}", remedy)
    if is_wanted:
        return ok(name, f"for nginx on other hosts (GUNICORN_BIND); {tried} claims refused")
    return warn(name, f"{listener.program} listens past nginx; {tried} claims refused", remedy)
