"""The server's certificate as nginx shows it: the file may be newer than what is served."""

from __future__ import annotations

import socket
import ssl
from datetime import datetime

from cryptography import x509
from django.conf import settings

TIMEOUT_SECONDS = 2.0
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}  # noqa: S104 - looked up, not bound


def not_after() -> datetime | None:
    """Return the end of the certificate at the device door; None where nginx does not answer."""
    # Looked at, not trusted: what is wrong with it is for the devices to notice.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for address in settings.LISTEN:
        host = _EVERY_ADDRESS.get(address, address.strip("[]"))
        try:
            with (
                socket.create_connection((host, settings.DEVICE_PORT), TIMEOUT_SECONDS) as plain,
                context.wrap_socket(plain, server_hostname=settings.PUBLIC_HOST) as connection,
            ):
                der = connection.getpeercert(binary_form=True)
        except OSError:
            continue
        if der is not None:
            return x509.load_der_x509_certificate(der).not_valid_after_utc
    return None
