"""One server's device door: ask who we are, register, upload. One call, one request."""

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
from device_client.connection import WholeRequestAdapter
from device_client.errors import BadAnswer, DeviceError, Refused, Unreachable, Untrusted
from device_client.multipart import FilePart
from device_client.progress_bar import CountedBody
from device_client.responses import (
    Json,
    Receipt,
    parse_object,
    parse_problem,
    parse_receipts,
)

DEFAULT_PATH = "/device_endpoint"
_CONNECT_S, _ANSWER_S = 10, 120


@dataclass(frozen=True)
class Registration:
    """Whom the server takes this device for. ``raw`` is the answer as it came."""

    identity: str
    certificate: Json
    limits: Json = field(default_factory=dict)
    already_bound: bool = False
    raw: Json = field(default_factory=dict)

    def limit(self, name: str, default: int) -> int:
        """Return the server's limit ``name``, ``default`` when it told none."""
        value = self.limits.get(name)
        return value if isinstance(value, int) and value > 0 else default


def complete_url(url: str) -> str:
    """Return ``url`` with the endpoint's path if it has none; ``DeviceError`` if unusable."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket without its other half
        usable = False
    if not usable:
        raise DeviceError(f"{url!r} is not an address like https://HOST:8443")
    path = DEFAULT_PATH if parts.path in {"", "/"} else parts.path
    return f"https://{parts.netloc}{path}"


class Door:
    """A server's device door, spoken to with the certificate in the file ``credentials``.

    ``authorities`` is a PEM file of the authorities that may certify the server. ``on_sent`` hears
    how many bytes of an upload have been sent, as they are. Every call raises ``Refused``,
    ``Unreachable``, ``Untrusted`` or ``BadAnswer``.
    """

    def __init__(self, url: str, credentials: Path, authorities: Path) -> None:
        self.url = complete_url(url)
        self._credentials = credentials
        self._authorities = authorities
        self.on_sent: Callable[[int], None] | None = None
        self._session = requests.Session()
        self._session.mount("https://", WholeRequestAdapter())

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._session.close()

    def beside(self, credentials: Path) -> Door:
        """Return a door to the same server for another certificate of this device."""
        return Door(self.url, credentials, self._authorities)

    def whoami(self) -> Registration:
        """Return whom the server takes this device for, and its limits. Changes nothing."""
        return _registration(self._send("GET"))

    def register(self, psk: str) -> Registration:
        """Bind the certificate to the identity that ``psk`` was made for. Safe to repeat."""
        body = json.dumps({"PSK": psk}).encode()
        return _registration(self._send("POST", body, "application/json"))

    def roll(self) -> str:
        """Return a key, good for an hour, with which the next certificate registers.

        Asking again closes the key that was asked for before.
        """
        answer = self._send("POST", b'{"roll": true}', "application/json")
        key = answer.get("PSK")
        if not isinstance(key, str):
            raise BadAnswer("the answer holds no key for the next certificate")
        return key

    def upload(self, parts: Sequence[FilePart]) -> tuple[Receipt, ...]:
        """Send ``parts`` in one request and return their receipts, all of them received.

        Where a file is rejected this raises ``Refused``, whose ``problem.receipts`` tell which;
        the others of the same request are received.
        """
        boundary = multipart.choose_boundary(parts)
        body = multipart.encode(parts, boundary)
        return parse_receipts(self._send("POST", body, multipart.content_type(boundary)))

    def _send(self, method: str, body: bytes | None = None, media_type: str = "") -> Json:
        try:
            answer = self._session.request(
                method,
                self.url,
                data=CountedBody(body, self.on_sent) if body and self.on_sent else body,
                headers={"Accept": "application/json"}
                | ({"Content-Type": media_type} if media_type else {}),
                cert=str(self._credentials),
                # With every request: REQUESTS_CA_BUNDLE would override the session's.
                verify=str(self._authorities),
                timeout=(_CONNECT_S, _ANSWER_S),
                # A redirected POST would carry the key or the data to who knows where.
                allow_redirects=False,
            )
        except requests.exceptions.RequestException as error:
            raise _explain(error, self.url) from error
        except LocationParseError as error:
            raise DeviceError(f"{self.url} is not a usable address") from error
        return _read(answer)


def _read(answer: requests.Response) -> Json:
    if answer.status_code != requests.codes.ok:
        raise Refused(parse_problem(answer.status_code, answer.headers, answer.content))
    found = parse_object(answer.content)
    if found is None:
        raise BadAnswer(f"{answer.url} answered 200, but not with JSON: is it a device endpoint?")
    return found


def _registration(body: Json) -> Registration:
    identity, certificate, limits = (body.get(key) for key in ("identity", "certificate", "limits"))
    if not isinstance(identity, str) or not isinstance(certificate, dict):
        raise BadAnswer("the answer names no identity and certificate: is it a device endpoint?")
    return Registration(
        identity=identity,
        certificate=certificate,
        limits=limits if isinstance(limits, dict) else {},
        already_bound=body.get("already_bound") is True,
        raw=body,
    )


def _explain(error: requests.exceptions.RequestException, url: str) -> DeviceError:
    host = urlsplit(url).netloc
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Untrusted(
                f"{host} is not trusted: {cause.verify_message or cause.reason}. "
                "If its authority is right, name its file with --cacert."
            )
    reasons = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
    if isinstance(error, requests.exceptions.Timeout):
        reasons.append("it did not answer in time")
    return Unreachable(f"cannot reach {host}: {(reasons or [type(error).__name__])[-1]}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield ``error`` and all that libraries wrapped into it, outermost first."""
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
