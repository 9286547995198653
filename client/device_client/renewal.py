"""A device renews its certificate by itself, long before it ends, while both are good.

The next key and certificate lie in a file of their own until the server has answered them;
then one rename makes them the device's. Whatever interrupts this, ``resume`` and the next
``renew_if_due`` go on from what is on disk: no answer has to be remembered.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from device_client.api import Door, Registration
from device_client.certificate import CertificateFacts
from device_client.errors import DeviceError, Refused
from device_client.retry import Patience
from device_client.simulator import is_busy, join
from device_client.state import StateFolder

# How long a renewal that failed, or was not due, is left alone: there are weeks for it.
PAUSE_SECONDS = 3600.0
# What only a new certificate mends; it needs a new key from staff.
_REPLACEABLE = frozenset(
    {
        "certificate_expired",
        "certificate_not_yet_valid",  # made while the device's clock was ahead
        "certificate_revoked",
    }
)


def is_due(facts: CertificateFacts, now: datetime, days: float | None = None) -> bool:
    """Tell whether a third of the certificate's life is left, or less than ``days``.

    ``days`` counts up to half of the certificate's life: a new one must not be due at once.
    """
    life = facts.not_after - facts.not_before
    margin = life / 3 if days is None else min(timedelta(days=days), life / 2)
    return facts.not_after - now < margin


def clock_offset(known: Registration, now: datetime) -> timedelta:
    """Return how far the server's clock is ahead of this device's, nothing if it told no time."""
    told = known.raw.get("server_time_ms")
    return datetime.fromtimestamp(told / 1000, UTC) - now if isinstance(told, int) else timedelta()


@dataclass
class Renewal:
    """Renews the certificate in ``state`` through ``door``, which speaks with the current one.

    ``days`` is the margin of ``is_due``; ``offset`` that of ``clock_offset``: a device's own
    clock may be years off. ``on_renewed`` hears of the new certificate, ``on_trouble`` of what
    prevented it: the device goes on with the old one.
    """

    state: StateFolder
    door: Door
    on_renewed: Callable[[CertificateFacts], None]
    on_trouble: Callable[[DeviceError], None]
    days: float | None = None
    offset: timedelta = timedelta()
    clock: Callable[[], float] = time.time
    _rests_until: float = field(default=0.0, init=False)

    def attempt(self) -> None:
        """Renew if it is due and was not tried within the hour. Raises no ``DeviceError``."""
        if self.clock() < self._rests_until:
            return
        self._rests_until = self.clock() + PAUSE_SECONDS
        try:
            renewed = self.renew_if_due()
        except DeviceError as error:
            self.on_trouble(error)
        else:
            if renewed:
                self.on_renewed(renewed)

    def renew_if_due(self) -> CertificateFacts | None:
        """Return the new certificate's facts, None if it was not due."""
        due = is_due(self.state.ensure_credentials(), self._now(), self.days)
        if not due and not self.state.has_next:
            return None
        return self.replace_with(self.door.roll)

    def replace_with(self, find_key: Callable[[], str]) -> CertificateFacts:
        """Make a new certificate the device's, registered with the key of ``find_key``.

        ``find_key`` is not called when the certificate of an interrupted run is registered.
        """
        facts = self.state.ensure_next(self._now())
        with closing(self.door.beside(self.state.next_credentials)) as door:
            if not self._is_bound(door):
                self._register(door, find_key())
                door.whoami()  # the old one is kept until the new one has been answered
        self._adopt()
        return facts

    def resume(self) -> None:
        """Take over the next certificate if an interrupted run registered it already.

        Before anything else at start: the old one may have been retired since.
        """
        if not self.state.has_next:
            return
        with closing(self.door.beside(self.state.next_credentials)) as door:
            try:
                bound = self._is_bound(door)
            except Refused as error:
                if is_busy(error):
                    raise
                return  # the current one may be better off; if not, it is told so itself
        if bound:
            self._adopt()

    def _adopt(self) -> None:
        self.state.adopt_next()
        self.door.close()  # kept-alive connections still show the old certificate

    def _is_bound(self, door: Door) -> bool:
        try:
            door.whoami()
        except Refused as error:
            self._discard_if_unfit(error)
            if error.problem.code != "certificate_not_bound":
                raise
            return False
        return True

    def _register(self, door: Door, key: str) -> None:
        try:
            door.register(key)
        except Refused as error:
            self._discard_if_unfit(error)
            raise

    def _discard_if_unfit(self, error: Refused) -> None:
        """Forget the next certificate if the server will never take it; another is made later."""
        code = error.problem.code
        if code.startswith("certificate_") and code != "certificate_not_bound":
            self.state.discard_next()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC) + self.offset


def enter(renewal: Renewal, psk: str, patience: Patience) -> Registration:
    """Return this device's registration, whatever has become of its certificate meanwhile.

    One that was interrupted while it renewed goes on. One that comes back after its certificate
    ended, or was revoked, makes a new one if it is given a new ``psk``.
    """
    patience.keep_trying(renewal.resume, is_busy)
    try:
        known = join(renewal.door, psk, patience)
    except Refused as error:
        if error.problem.code not in _REPLACEABLE or not psk:
            raise
        renewal.replace_with(lambda: psk)
        known = patience.keep_trying(renewal.door.whoami)
    renewal.offset = clock_offset(known, datetime.fromtimestamp(renewal.clock(), UTC))
    return known
