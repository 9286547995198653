"""The device API of one server: whoami, register, renewal key, upload. One call is one request."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import LocationParseError

from device_client import multipart
from device_client.errors import (
    CertificateNotTrusted,
    DeviceError,
    ProblemResponse,
    ProtocolError,
    ServerUnreachable,
)
from device_client.multipart import FilePart
from device_client.progress_bar import CountingBody
from device_client.responses import (
    Json,
    Receipt,
    parse_object,
    parse_problem,
    parse_receipts,
)

DEFAULT_PATH = "/device_endpoint"
_CONNECT_TIMEOUT_SECONDS, _READ_TIMEOUT_SECONDS = 10, 120


@dataclass(frozen=True)
class Registration:
    """The identity of a certificate, and the server's limits. ``raw`` is the whole response.

    ``is_new`` if this run bound the certificate.
    """

    identity: str
    certificate: Json
    limits: Json = field(default_factory=dict)
    already_bound: bool = False
    is_new: bool = False
    raw: Json = field(default_factory=dict)

    def format_line(self) -> str:
        """Return the registration as one line of text; only a new one is called so."""
        sha256 = self.certificate.get("sha256")
        if self.is_new:
            return f"registered as {self.identity} ({sha256})"
        return f"{self.identity}, certificate {sha256}"

    def limit(self, name: str, default: int) -> int:
        """Return the server's limit ``name``, ``default`` if it published none."""
        value = self.limits.get(name)
        return value if isinstance(value, int) and value > 0 else default


def complete_url(url: str) -> str:
    """Add the endpoint's path to ``url`` if it has none; raise ``DeviceError`` if it is invalid."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is not a number, or a bracket is missing
        usable = False
    if not usable:
        raise DeviceError(f"{url!r} is not an address like https://HOST:8443")
    path = DEFAULT_PATH if parts.path in {"", "/"} else parts.path
    return f"https://{parts.netloc}{path}"


class DeviceApi:
    """Client of a server's device API.

    ``credentials`` is the PEM file with the device's key and certificate, ``authorities`` the PEM
    file of the authorities that may certify the server. ``on_sent`` is called during an upload with
    the number of bytes sent so far. Every call raises ``ProblemResponse``, ``ServerUnreachable``,
    ``CertificateNotTrusted`` or ``ProtocolError``.
    """

    def __init__(self, url: str, credentials: Path, authorities: Path) -> None:
        self.url = complete_url(url)
        self._credentials = credentials
        self._authorities = authorities
        self.on_sent: Callable[[int], None] | None = None
        self._session = requests.Session()

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._session.close()

    def with_credentials(self, credentials: Path) -> DeviceApi:
        """Return a client of the same server for another certificate of this device."""
        return DeviceApi(self.url, credentials, self._authorities)

    def whoami(self) -> Registration:
        """Return this device's registration and the server's limits. Changes nothing."""
        return _parse_registration(self._send("GET"))

    def register(self, psk: str) -> Registration:
        """Bind the certificate to the identity of ``psk``. Safe to repeat."""
        body = json.dumps({"PSK": psk}).encode()
        return _parse_registration(self._send("POST", body, "application/json"))

    def request_renewal_key(self) -> str:
        """Return a key, valid for an hour, that registers the next certificate.

        A second request revokes the first key.
        """
        key = self._send("POST", b'{"roll": true}', "application/json").get("PSK")
        if not isinstance(key, str):
            raise ProtocolError("the response holds no key for the next certificate")
        return key

    def upload(self, parts: Sequence[FilePart]) -> tuple[Receipt, ...]:
        """Send ``parts`` in one request and return their receipts, all of them received.

        If a file is rejected this raises ``ProblemResponse``; its ``problem.receipts`` say which.
        The other files of the request are received.
        """
        boundary = multipart.choose_boundary(parts)
        body = multipart.encode(parts, boundary)
        return parse_receipts(self._send("POST", body, multipart.content_type(boundary)))

    def _send(self, method: str, body: bytes | None = None, media_type: str = "") -> Json:
        try:
            response = self._session.request(
                method,
                self.url,
                data=CountingBody(body, self.on_sent) if body and self.on_sent else body,
                headers={"Accept": "application/json"}
                | ({"Content-Type": media_type} if media_type else {}),
                cert=str(self._credentials),
                # With every request: REQUESTS_CA_BUNDLE would override the session's value.
                verify=str(self._authorities),
                timeout=(_CONNECT_TIMEOUT_SECONDS, _READ_TIMEOUT_SECONDS),
                # A redirected POST would send the key or the data to an unknown server.
                allow_redirects=False,
            )
        except requests.exceptions.RequestException as error:
            raise _translate_error(error, self.url) from error
        except LocationParseError as error:
            raise DeviceError(f"{self.url} is not a usable address") from error
        return _parse_response(response)


def _parse_response(response: requests.Response) -> Json:
    if response.status_code != requests.codes.ok:
        raise ProblemResponse(
            parse_problem(response.status_code, response.headers, response.content)
        )
    body = parse_object(response.content)
    if body is None:
        raise ProtocolError(f"{response.url} answered 200 without JSON: is it a device API?")
    return body


def _parse_registration(body: Json) -> Registration:
    identity, certificate, limits = (body.get(key) for key in ("identity", "certificate", "limits"))
    if not isinstance(identity, str) or not isinstance(certificate, dict):
        raise ProtocolError("the response names no identity and certificate: is it a device API?")
    return Registration(
        identity=identity,
        certificate=certificate,
        limits=limits if isinstance(limits, dict) else {},
        already_bound=body.get("already_bound") is True,
        raw=body,
    )


def _translate_error(error: requests.exceptions.RequestException, url: str) -> DeviceError:
    host = urlsplit(url).netloc
    causes = list(_iterate_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CertificateNotTrusted(
                f"{host} is not trusted: {cause.verify_message or cause.reason}. "
                "If its certificate authority is right, name its file with --cacert."
            )
    reasons = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
    if isinstance(error, requests.exceptions.Timeout):
        reasons.append("it did not answer in time")
    return ServerUnreachable(f"cannot reach {host}: {(reasons or [type(error).__name__])[-1]}")


def _iterate_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield ``error`` and every exception that libraries wrapped in it, outermost first."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [*cause.args, getattr(cause, "reason", None), cause.__cause__]
        waiting.append(cause.__context__)
