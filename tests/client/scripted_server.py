"""A real HTTPS server with scripted responses, which the product never sends on demand."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Scripted:
    """One response: status, JSON body and headers."""

    status: int
    body: dict[str, object]
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class ScriptedServer:
    """A running server: its address, its authority's file, and the requests received."""

    url: str
    authority: Path
    responses: list[Scripted]
    requests: list[tuple[str, str, bytes]]


def problem(status: int, code: str, retryable: bool, **more: object) -> dict[str, object]:
    """Return the body of an error as the device api writes it."""
    return {
        "type": f"urn:device-endpoint:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": f"Scripted: {code}.",
        "request_id": "r-1",
        "retryable": retryable,
        **more,
    }


def _make_authority(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    authority, pair = folder / "server.crt", folder / "server.pem"
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    authority.write_bytes(pem)
    pair.write_bytes(secret + pem)
    return authority, pair


@contextmanager
def scripted_server(folder: Path, responses: list[Scripted]) -> Iterator[ScriptedServer]:
    """Run a server on a free port that sends ``responses`` in order and repeats the last one."""
    authority, pair = _make_authority(folder)
    requests: list[tuple[str, str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            body = self._read_body()
            requests.append((self.command, self.headers.get("Content-Type", ""), body))
            scripted = responses.pop(0) if len(responses) > 1 else responses[0]
            content = json.dumps(scripted.body).encode()
            self.send_response(scripted.status)
            for name, value in scripted.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content)

        def _read_body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        do_GET = do_POST = respond  # noqa: N815 - names of http.server

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Log nothing: keep the test output clean."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        url = f"https://127.0.0.1:{server.server_port}"
        yield ScriptedServer(url, authority, responses, requests)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
