"""TLS itself: every connection proves its certificate anew, and speaks HTTP/1.1."""

from __future__ import annotations

import ssl
import warnings

from device_client.conformance.raw_http import (
    Failed,
    Wire,
    expect,
    read,
)
from device_client.conformance.target import Subject, expect_problem_body


def no_session_resumed(subject: Subject) -> None:
    """No TLS session is resumed: a resumed one would replay an old verdict."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        _expect_no_resumption(subject.device, version)


def _expect_no_resumption(wire: Wire, version: ssl.TLSVersion) -> None:
    context = wire.context()
    context.minimum_version = context.maximum_version = version
    try:
        with wire.connect(context) as first:
            first.sendall(wire.head("GET", wire.path, {}))
            read(first)  # tickets of TLS 1.3 come after the handshake
            session = first.session
    except ssl.SSLError:
        return  # this version is not spoken
    with wire.connect(context, session) as second:
        expect(not second.session_reused, f"a session of {version.name} was resumed")


def http2_off(subject: Subject) -> None:
    """HTTP/2 is not offered."""
    context = subject.device.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with subject.device.connect(context) as connection:
        chosen = connection.selected_alpn_protocol()
    expect(chosen in {None, "http/1.1"}, f"{chosen} was chosen")


def old_tls_refused(subject: Subject) -> None:
    """TLS before 1.2 is refused."""
    context = subject.device.context()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    try:
        with subject.device.connect(context) as connection:
            version = connection.version()
    except (ssl.SSLError, ConnectionError):
        return
    raise Failed(f"{version} was spoken")


def plain_http_refused(subject: Subject) -> None:
    """Plain HTTP at the same port is a 400 as JSON, never the application's answer."""
    with subject.nobody.plain() as connection:
        connection.sendall(subject.nobody.head("GET", subject.nobody.path, {}))
        answer = read(connection)
    expect(answer.status == 400, f"expected 400, found {answer.told()}")
    expect_problem_body(answer)


CHECKS = (no_session_resumed, http2_off, old_tls_refused, plain_http_refused)
