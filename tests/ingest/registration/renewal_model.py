"""The states of certificates and renewal keys as ``docs/explanation/trust.md`` tells them.

A device's whole family: the first certificate, registered with a key of staff, and the ones that
renew it. Pure: ``test_renewal_states`` compares it with the product.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Answer = tuple[int, str]  # status, and code of the problem or ""
OK: Answer = (200, "")
FAILED: Answer = (400, "registration_failed")


@dataclass
class Key:
    """A renewal key; ``state`` is open, used or revoked."""

    asker: int
    state: str = "open"


@dataclass
class Certificate:
    """One certificate; ``overlap`` is "" before it is superseded, then "open", then "over"."""

    parent: int | None
    state: str = "active"
    overlap: str = ""
    is_seen: bool = False

    @property
    def is_live(self) -> bool:
        return self.state == "active" and self.overlap != "over"


@dataclass
class Family:
    """Certificates and keys by number, in the order of their making."""

    certificates: list[Certificate] = field(default_factory=lambda: [Certificate(None)])
    keys: list[Key] = field(default_factory=list)

    def use(self, number: int) -> Answer:
        """Make any request but a registration."""
        certificate = self.certificates[number]
        if certificate.state != "active":
            return 403, f"certificate_{certificate.state}"
        if certificate.overlap == "over":
            return 403, "certificate_revoked"
        certificate.is_seen = True
        return OK

    def renew(self, number: int) -> Answer:
        answer = self.use(number)
        if answer != OK:
            return answer
        if self._has_seen_child(number):
            return 403, "certificate_superseded"
        self._revoke_keys(number)
        self.keys.append(Key(number))
        return OK

    def bind(self, number: int) -> Answer:
        """Register a new certificate with a key."""
        key = self.keys[number]
        asker = self.certificates[key.asker]
        if key.state != "open" or not asker.is_live or self._has_seen_child(key.asker):
            return FAILED
        for child, certificate in enumerate(self.certificates):
            if certificate.parent == key.asker and certificate.state != "revoked":
                self._set_state(child, "revoked")
        key.state = "used"
        asker.overlap = asker.overlap or "open"
        self.certificates.append(Certificate(key.asker))
        return OK

    def suspend(self, number: int) -> None:
        if self.certificates[number].state == "active":
            self._set_state(number, "suspended")

    def revoke(self, number: int) -> None:
        self._set_state(number, "revoked")

    def reactivate(self, number: int) -> None:
        self._set_state(number, "active")

    def end_overlap(self, number: int) -> None:
        if self.certificates[number].overlap:
            self.certificates[number].overlap = "over"

    def _set_state(self, number: int, state: str) -> None:
        self.certificates[number].state = state
        if state != "active":
            self._revoke_keys(number)

    def _revoke_keys(self, number: int) -> None:
        for key in self.keys:
            if key.asker == number and key.state == "open":
                key.state = "revoked"

    def _has_seen_child(self, number: int) -> bool:
        return any(each.parent == number and each.is_seen for each in self.certificates)
