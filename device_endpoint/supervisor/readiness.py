"""Asks both doors, through nginx, whether they take requests: what "ready" means."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable

from django.conf import settings

from device_endpoint import health, server_certificate
from device_endpoint.env import read_text
from device_endpoint.supervisor.errors import CannotStartError

START_SECONDS = 90.0


def wait_until_ready(address: str, still_running: Callable[[], None]) -> None:
    """Wait until ``/readyz`` answers 200 and the device door asks for a certificate.

    ``address`` is one that nginx listens on; ``still_running`` raises when a program has ended.
    """
    deadline = time.monotonic() + START_SECONDS
    while True:
        still_running()
        missing = _what_is_missing(address)
        if missing is None:
            return
        if time.monotonic() > deadline:
            raise CannotStartError(f"not ready after {START_SECONDS:g} s: {missing}")
        time.sleep(0.1)


def _what_is_missing(address: str) -> str | None:
    try:
        status, text = _get(address, settings.STAFF_PORT, "/readyz")
        if status != http.client.OK and (missing := _explain(status, text)):
            return missing
        status, _ = _get(address, settings.DEVICE_PORT, "/device_endpoint")
    except (OSError, http.client.HTTPException) as error:
        return f"no answer through nginx: {error}"
    if status != http.client.FORBIDDEN:  # no certificate was shown
        return f"the device door answers {status}"
    return None


def _explain(status: int, text: str) -> str:
    """Return what ``/readyz`` names as missing; "" if that is room only, which people have to make.

    They need the doors for that, and devices their answers.
    """
    try:
        checks = json.loads(text)["checks"]
    except (ValueError, KeyError, TypeError):
        return f"the staff door answers {status} (see its log)"
    missing = {name: state for name, state in checks.items() if state != health.OK}
    missing.pop(health.DISK, None)
    return "; ".join(f"{name}: {state}" for name, state in missing.items())


def _get(address: str, port: int, path: str) -> tuple[int, str]:
    # The system's authorities know a certificate that was given by SERVER_CERTIFICATE.
    given = read_text("SERVER_CERTIFICATE")
    trusted = None if given else str(server_certificate.authority_path())
    context = ssl.create_default_context(cafile=trusted)
    if given:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # our own port: only whether it answers is asked
    every_address = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}  # noqa: S104 - looked up, not bound
    host = every_address.get(address, address.strip("[]"))
    connection = http.client.HTTPSConnection(host, port, timeout=10, context=context)
    try:
        connection.request("GET", path, headers={"Host": f"localhost:{port}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()
