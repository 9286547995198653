"""What devices and staff do in these tests, called directly: no server in between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from django.db import connection
from django.utils import timezone

from identities.models import Identity, PreSharedKey
from ingest.device_requests import DeviceRequest
from ingest.models import RegistrationAttempt
from ingest.parsing.certificates import ClientCertificate, parse
from ingest.registration import Registered, RegistrationFailed, register
from tests.ingest.parsing.certificate_factory import make_certificate

_T = TypeVar("_T")

ADDRESS = "192.0.2.1"


def new_certificate() -> ClientCertificate:
    return parse(make_certificate())


def issue_key(identity: Identity, *, max_uses: int = 1) -> str:
    """Return the text of a new key of ``identity``."""
    key = PreSharedKey(identity=identity, max_uses=max_uses)
    secret = key.set_new_secret()
    key.save()
    return secret


def uses_of(identity: Identity) -> list[int]:
    return list(identity.keys.order_by("id").values_list("uses", flat=True))


def expire_keys(identity: Identity) -> None:
    identity.keys.update(expires_at=timezone.now() - timedelta(seconds=1))


def revoke_keys(identity: Identity) -> None:
    identity.keys.update(revoked_at=timezone.now())


def attempt(certificate: ClientCertificate, psk: str, address: str = ADDRESS) -> Registered:
    return register(certificate, psk, DeviceRequest(address, "", None, "request-1"))


def attempt_ends(certificate: ClientCertificate, psk: str, address: str = ADDRESS) -> str:
    """Return how an attempt ends: bound, already bound or refused."""
    try:
        found = attempt(certificate, psk, address)
    except RegistrationFailed:
        return "refused"
    return "already bound" if found.already_bound else "bound"


def outcomes() -> list[str]:
    """Return the recorded outcomes, oldest first."""
    return list(RegistrationAttempt.objects.order_by("id").values_list("outcome", flat=True))


def at_once(acts: Sequence[Callable[[], _T]]) -> list[_T]:
    """Return what ``acts`` give, started together, each with a database connection of its own."""
    with crowd(len(acts)) as start_together:
        return start_together(acts)


@contextmanager
def crowd(size: int) -> Iterator[Callable[[Sequence[Callable[[], _T]]], list[_T]]]:
    """Give ``at_once`` for up to ``size`` acts; their threads keep their database connections."""
    with ThreadPoolExecutor(size) as pool:

        def start_together(acts: Sequence[Callable[[], _T]]) -> list[_T]:
            barrier = threading.Barrier(len(acts))

            def run(act: Callable[[], _T]) -> _T:
                connection.ensure_connection()
                barrier.wait(timeout=30)
                return act()

            return list(pool.map(run, acts))

        try:
            yield start_together
        finally:
            barrier = threading.Barrier(size)
            for closing in [pool.submit(_close_own, barrier) for _ in range(size)]:
                closing.result()


def _close_own(barrier: threading.Barrier) -> None:
    barrier.wait(timeout=30)
    connection.close()
