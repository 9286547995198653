"""Setup instructions that come with a new key or token: shell commands and the QR code."""

from __future__ import annotations

import io
import shlex
from dataclasses import dataclass

import segno

CA_FILENAME = "device-endpoint-ca.crt"


@dataclass(frozen=True)
class Command:
    """A step to paste into a shell; its lines read the secret from ``variable``, if any."""

    title: str
    lines: str
    variable: str = ""


def build_url(host: str, port: int, path: str) -> str:
    """Return the ``https`` URL of ``path``; a bare IPv6 ``host`` gets its brackets."""
    bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"https://{bracketed}" + ("" if port == 443 else f":{port}") + path


def save_ca(pem: str) -> Command:
    """Return the step that writes the server's CA certificate to a file."""
    lines = f"cat > {CA_FILENAME} <<'END'\n{pem.strip()}\nEND"
    return Command("Trust this server: save its CA certificate", lines)


def make_certificate(identity: str) -> Command:
    """Return the step that makes the device's private key and certificate.

    Run again, it leaves both as they are: a new private key would be a new, unknown device. An
    identity's name needs no quoting inside double quotes.
    """
    lines = (
        "[ -e device.key ] || openssl ecparam -name prime256v1 -genkey -noout -out device.key\n"
        "[ -e device.crt ] || openssl req -new -x509 -key device.key -days 365 \\\n"
        f'  -subj "/CN={identity}" -out device.crt'
    )
    return Command("Make the device's own key and certificate", lines)


def register(url: str, *, own_ca: bool) -> Command:
    """Return the step that registers the certificate with the key in the variable ``PSK``.

    The key is sent through standard input: every user of the machine can read command lines.
    """
    trust = f"--cacert {CA_FILENAME} " if own_ca else ""
    lines = (
        """printf '{"PSK": "%s"}' "$PSK" | curl -sS -w '\\n' \\\n"""
        f"  {trust}--cert device.crt --key device.key \\\n"
        f"  -H 'Content-Type: application/json' --data-binary @- {shlex.quote(url)}"
    )
    return Command("Register the certificate with the key", lines, variable="PSK")


def read_series(url: str, *, own_ca: bool) -> Command:
    """Return the step that lists the series with the token in the variable ``TOKEN``."""
    trust = f"--cacert {CA_FILENAME} " if own_ca else ""
    lines = (
        """printf 'Authorization: Bearer %s' "$TOKEN" | \\\n"""
        f"  curl -sS -w '\\n' {trust}-H @- {shlex.quote(url)}"
    )
    return Command("List the series that you may read", lines, variable="TOKEN")


def draw_qr_svg(text: str) -> str:
    """Return a QR code of ``text`` as an SVG element: paths only, no text, no style attribute."""
    out = io.BytesIO()
    segno.make_qr(text, error="m").save(
        out,
        kind="svg",
        xmldecl=False,
        svgns=False,
        nl=False,
        scale=6,
        border=4,
        dark="#000",
        light="#fff",
        omitsize=True,
        svgclass="qr",
        lineclass=None,
    )
    return out.getvalue().decode()
