"""A device for the tests: a key, a certificate, and real mutual TLS to the device API."""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import NameOID

PrivateKey = (
    ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)
# name of the measurement, name of the file (None: not sent), content
FilePart = tuple[str, str | None, bytes]
RawAnswer = tuple[int, dict[str, str], bytes]


class Device:
    """A device with a self-signed certificate; every part of the certificate can be varied.

    ``chain`` holds certificates to send after the device's own; ``certificate`` is one made
    elsewhere for ``key``. Without a certificate at all: ``anonymous=True``. ``source_address`` is
    the address that ``connect`` calls from.
    """

    source_address: tuple[str, int] | None = None

    def __init__(
        self,
        url: str,
        ca_file: Path,
        folder: Path,
        *,
        key: PrivateKey | None = None,
        subject: str = "device",
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
        certificate: x509.Certificate | None = None,
        chain: Sequence[x509.Certificate] = (),
        anonymous: bool = False,
    ) -> None:
        self.url = url
        self.ca_file = ca_file
        self.anonymous = anonymous
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        self.certificate = certificate or self_signed(
            self.key,
            subject,
            not_before or now - timedelta(days=1),
            not_after or now + timedelta(days=365),
            extensions,
        )
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate_file = folder / "device.crt"
        self.key_file = folder / "device.key"
        pem = serialization.Encoding.PEM
        chained = [self.certificate, *chain]
        self.certificate_file.write_bytes(b"".join(one.public_bytes(pem) for one in chained))
        self.key_file.write_bytes(
            self.key.private_bytes(
                pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self.session = requests.Session()

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the certificate as the device API shows it."""
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        return hashlib.sha256(der).hexdigest()

    def register(self, psk: object) -> requests.Response:
        """POST the key."""
        return self.post(json={"PSK": psk})

    def whoami(self) -> requests.Response:
        """GET the status of this device."""
        return self.request("GET")

    def upload(self, *files: FilePart) -> requests.Response:
        """POST files in one request."""
        boundary = "----a-boundary-of-the-tests"
        return self.post(
            data=multipart(files, boundary),
            headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )

    def post(self, **options: object) -> requests.Response:
        """POST anything that ``requests`` can."""
        return self.request("POST", **options)

    def request(self, method: str, **options: object) -> requests.Response:
        """Send any request that ``requests`` can."""
        return self.session.request(
            method,
            str(options.pop("url", self.url)),
            verify=str(self.ca_file),
            cert=None if self.anonymous else (str(self.certificate_file), str(self.key_file)),
            timeout=60,
            **options,  # type: ignore[arg-type]
        )

    def tls(self) -> ssl.SSLContext:
        """Return what TLS connections are made with, to vary it before one is."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        if not self.anonymous:
            context.load_cert_chain(self.certificate_file, self.key_file)
        return context

    def connect(
        self,
        server_name: str | None = "localhost",
        context: ssl.SSLContext | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        """Return an open TLS connection to the device API; ``server_name`` None sends no SNI."""
        context = context or self.tls()
        context.check_hostname = server_name == "localhost"
        plain = socket.create_connection(
            ("127.0.0.1", urlsplit(self.url).port), 30, self.source_address
        )
        try:
            return context.wrap_socket(plain, server_hostname=server_name, session=session)
        except OSError:
            plain.close()
            raise

    def wait_until_served(self) -> None:
        """Wait until something listens; for a server that was started a moment ago."""
        deadline = time.monotonic() + 30
        while True:
            try:
                self.connect().close()
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            else:
                return

    def raw(
        self, sent: bytes, *, server_name: str | None = "localhost", finish: bool = False
    ) -> RawAnswer:
        """Send bytes as they are and return status, headers (names in lower case) and body.

        ``finish`` closes the sending half of the connection.
        """
        with self.connect(server_name) as connection:
            connection.sendall(sent)
            if finish:
                connection.shutdown(socket.SHUT_WR)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, headers, answer.read()

    def close(self) -> None:
        """Close the connections that are kept open."""
        self.session.close()


def multipart(files: Iterable[FilePart], boundary: str) -> bytes:
    """Return files framed as RFC 7578 says."""
    parts = []
    for name, filename, content in files:
        parameter = f'; filename="{filename}"' if filename is not None else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{parameter}\r\n'
        parts.append(head.encode() + b"Content-Type: text/plain\r\n\r\n" + content + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode()


def self_signed(
    key: PrivateKey,
    subject: str,
    not_before: datetime,
    not_after: datetime,
    extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
) -> x509.Certificate:
    """Return a certificate for ``key``, signed by it."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    unhashed = isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return builder.sign(key, None if unhashed else hashes.SHA256())
