"""TLS: every connection verifies its certificate again and uses HTTP/1.1."""

from __future__ import annotations

import ssl
import warnings

from device_client.conformance.raw_http import (
    CheckFailed,
    RawClient,
    expect,
    read,
)
from device_client.conformance.target import Target, expect_problem_body


def no_session_resumed(target: Target) -> None:
    """No TLS session is resumed: it would keep an outdated certificate verification."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        _expect_no_resumption(target.device, version)


def _expect_no_resumption(client: RawClient, version: ssl.TLSVersion) -> None:
    context = client.make_context()
    context.minimum_version = context.maximum_version = version
    try:
        with client.connect(context) as first:
            first.sendall(client.format_head("GET", client.path, {}))
            read(first)  # TLS 1.3 sends tickets after the handshake
            session = first.session
    except ssl.SSLError:
        return  # the server does not support this version
    with client.connect(context, session) as second:
        expect(not second.session_reused, f"a session of {version.name} was resumed")


def http2_off(target: Target) -> None:
    """HTTP/2 is not offered."""
    context = target.device.make_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with target.device.connect(context) as connection:
        chosen = connection.selected_alpn_protocol()
    expect(chosen in {None, "http/1.1"}, f"{chosen} was chosen")


def old_tls_refused(target: Target) -> None:
    """TLS before 1.2 is refused."""
    context = target.device.make_context()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    try:
        with target.device.connect(context) as connection:
            version = connection.version()
    except (ssl.SSLError, ConnectionError):
        return
    raise CheckFailed(f"{version} was accepted")


def plain_http_refused(target: Target) -> None:
    """Plain HTTP on the same port is a 400 as JSON and does not reach the application."""
    with target.anonymous.connect_plain() as connection:
        connection.sendall(target.anonymous.format_head("GET", target.anonymous.path, {}))
        response = read(connection)
    expect(response.status == 400, f"expected 400, found {response.describe()}")
    expect_problem_body(response)


CHECKS = (no_session_resumed, http2_off, old_tls_refused, plain_http_refused)
