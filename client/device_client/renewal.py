"""Register the device, and renew its certificate before it expires.

The next key and certificate are kept in a separate file until the server has accepted them; one
rename then makes them current. After any interruption ``resume_interrupted`` and the next
``renew_if_due`` continue from the state on disk; no response has to be remembered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from device_client.api import DeviceApi, Registration
from device_client.certificate import CertificateFacts
from device_client.errors import DeviceError, ProblemResponse
from device_client.retry import RetryPolicy, is_busy
from device_client.state import StateFolder

# Time between two attempts; there are weeks left for a renewal.
ATTEMPT_INTERVAL_SECONDS = 3600.0
# Errors that only a new certificate solves; it needs a new pre-shared key from staff.
_REPLACEABLE_CODES = frozenset(
    {
        "certificate_expired",
        "certificate_not_yet_valid",  # made while the device's clock was ahead
        "certificate_revoked",
    }
)


def ensure_registered(api: DeviceApi, psk: str, retry_policy: RetryPolicy) -> Registration:
    """Return this device's registration; register with ``psk`` if the certificate is not bound.

    Retries while the server is busy. A server that cannot be reached is an error at once, since at
    the first contact a wrong address is more likely than an outage.
    """
    try:
        return retry_policy.run(api.whoami, is_busy)
    except ProblemResponse as error:
        if error.problem.code != "certificate_not_bound":
            raise
        if not psk:
            raise DeviceError("this device is not registered yet: give a PSK") from error
    answer = retry_policy.run(lambda: api.register(psk), is_busy)
    registration = retry_policy.run(api.whoami, is_busy)
    return replace(registration, is_new=not answer.already_bound)


def is_due(facts: CertificateFacts, now: datetime, days: float | None = None) -> bool:
    """Whether less than a third of the certificate's lifetime is left, or less than ``days``.

    ``days`` is capped at half of the lifetime: a new certificate must not be due at once.
    """
    lifetime = facts.not_after - facts.not_before
    margin = lifetime / 3 if days is None else min(timedelta(days=days), lifetime / 2)
    return facts.not_after - now < margin


def compute_clock_offset(body: Mapping[str, object], now: datetime) -> timedelta:
    """Return server time minus device time ``now``; zero if the server sent no time."""
    server_ms = body.get("server_time_ms")
    if not isinstance(server_ms, int):
        return timedelta()
    return datetime.fromtimestamp(server_ms / 1000, UTC) - now


@dataclass
class Renewal:
    """Renews the certificate in ``state`` through ``api``, which uses the current one.

    ``days`` is the margin of ``is_due``. ``offset`` corrects the device's own clock, which may be
    years off. ``on_renewed`` is called with the new certificate, ``on_error`` with the error that
    prevented the renewal: the device continues with the old certificate.
    """

    state: StateFolder
    api: DeviceApi
    on_renewed: Callable[[CertificateFacts], None]
    on_error: Callable[[DeviceError], None]
    days: float | None = None
    offset: timedelta = timedelta()
    clock: Callable[[], float] = time.time
    _next_attempt_at: float = field(default=0.0, init=False)

    def ensure_registered(self, psk: str, retry_policy: RetryPolicy) -> Registration:
        """Return this device's registration, whatever happened to its certificate meanwhile.

        Completes an interrupted renewal. Replaces a certificate that has expired or was revoked if
        ``psk`` is a new key.
        """
        retry_policy.run(self.resume_interrupted, is_busy)
        try:
            registration = ensure_registered(self.api, psk, retry_policy)
        except ProblemResponse as error:
            if error.problem.code not in _REPLACEABLE_CODES or not psk:
                raise
            self._set_clock_by(error.problem.raw)  # a new certificate with right dates
            self.replace_certificate(lambda: psk)
            registration = replace(retry_policy.run(self.api.whoami), is_new=True)
        self._set_clock_by(registration.raw)
        return registration

    def _set_clock_by(self, body: Mapping[str, object]) -> None:
        self.offset = compute_clock_offset(body, datetime.fromtimestamp(self.clock(), UTC))

    def attempt_renewal(self) -> None:
        """Renew if due, at most once an hour; report a ``DeviceError`` instead of raising it."""
        if self.clock() < self._next_attempt_at:
            return
        self._next_attempt_at = self.clock() + ATTEMPT_INTERVAL_SECONDS
        try:
            renewed = self.renew_if_due()
        except DeviceError as error:
            self.on_error(error)
        else:
            if renewed:
                self.on_renewed(renewed)

    def renew_if_due(self) -> CertificateFacts | None:
        """Return the new certificate's facts, None if no renewal was due."""
        due = is_due(self.state.ensure_credentials(), self._now(), self.days)
        if not due and not self.state.has_next:
            return None
        return self.replace_certificate(self.api.request_renewal_key)

    def replace_certificate(self, get_key: Callable[[], str]) -> CertificateFacts:
        """Make a new certificate, register it with the key of ``get_key`` and make it current.

        ``get_key`` is not called if an interrupted run has registered the certificate already.
        """
        facts = self.state.ensure_next(self._now())
        with closing(self.api.with_credentials(self.state.next_credentials)) as api:
            if not self._is_bound(api):
                self._register(api, get_key())
                api.whoami()  # keep the old certificate until the new one has been accepted
        self._adopt_next()
        return facts

    def resume_interrupted(self) -> None:
        """Make the next certificate current if an interrupted run has registered it.

        Call this first at start: the old certificate may have expired since.
        """
        if not self.state.has_next:
            return
        with closing(self.api.with_credentials(self.state.next_credentials)) as api:
            try:
                bound = self._is_bound(api)
            except ProblemResponse as error:
                if is_busy(error):
                    raise
                return  # the current certificate may still work; if not, its own error says so
        if bound:
            self._adopt_next()

    def _adopt_next(self) -> None:
        self.state.adopt_next()
        self.api.close()  # open connections still use the old certificate

    def _is_bound(self, api: DeviceApi) -> bool:
        try:
            api.whoami()
        except ProblemResponse as error:
            self._discard_if_unusable(error)
            if error.problem.code != "certificate_not_bound":
                raise
            return False
        return True

    def _register(self, api: DeviceApi, key: str) -> None:
        try:
            api.register(key)
        except ProblemResponse as error:
            self._discard_if_unusable(error)
            raise

    def _discard_if_unusable(self, error: ProblemResponse) -> None:
        """Delete the next certificate if the server will never accept it; a new one is made."""
        code = error.problem.code
        if code.startswith("certificate_") and code != "certificate_not_bound":
            self.state.discard_next()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC) + self.offset
