"""Bind a device's certificate to an identity by a pre-shared key.

Safe to repeat: the same certificate with a key of the same identity always ends alike and costs
one use in all. Every attempt is recorded with its true outcome in the transaction that decides
it, so that no record says what has not happened.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.db import transaction

from identities import keys
from identities.models import PreSharedKey
from ingest import certificate_renewal, quotas, registration_throttle
from ingest.errors import RegistrationFailed, TooManyRequests
from ingest.models import DeviceCertificate, RegistrationAttempt
from ingest.parsing.certificates import ClientCertificate
from ingest.registration_outcomes import Outcome
from ingest.registration_throttle import Source
from ingest.storage import advisory_locks

logger = logging.getLogger(__name__)

_OUTCOME_OF_STATE = {
    DeviceCertificate.State.ACTIVE: Outcome.ALREADY_BOUND,
    DeviceCertificate.State.SUSPENDED: Outcome.CERTIFICATE_SUSPENDED,
    DeviceCertificate.State.REVOKED: Outcome.CERTIFICATE_REVOKED,
}


@dataclass(frozen=True, slots=True)
class Registered:
    """A certificate that is bound now; ``already_bound`` if it was before, at no use's cost."""

    identity: str
    certificate: DeviceCertificate
    already_bound: bool


@dataclass(frozen=True, slots=True)
class _Finding:
    outcome: Outcome
    key: PreSharedKey | None = None
    bound: DeviceCertificate | None = None


def register(
    certificate: ClientCertificate, psk: str, *, address: str, request_id: str
) -> Registered:
    """Bind ``certificate`` to the identity that ``psk`` belongs to.

    The certificate's dates and policy are the caller's to check. ``address`` is the device's as
    text. Raises ``RegistrationFailed`` (alike for every reason; the key is not consumed),
    ``TooManyRequests`` (nothing was decided, the key is not consumed) or a
    ``django.db.Error``. Not to be called inside a transaction.
    """
    source = Source.of(certificate.sha256, address)
    try:
        registration_throttle.check(source)
        finding = _attempt(certificate, psk, source, request_id)
    except TooManyRequests:
        registration_throttle.tally.add(source)
        registration_throttle.tally.record_when_due()
        raise
    registration_throttle.tally.record_when_due()
    if finding.key is None or finding.bound is None:
        raise RegistrationFailed(finding.outcome)
    return Registered(
        identity=finding.key.identity.name,
        certificate=finding.bound,
        already_bound=finding.outcome == Outcome.ALREADY_BOUND,
    )


def _attempt(certificate: ClientCertificate, psk: str, source: Source, request_id: str) -> _Finding:
    with transaction.atomic(durable=True):
        # One registration of a certificate at a time: the second finds what the first bound.
        advisory_locks.acquire("certificate", certificate.sha256)
        finding = _decide(certificate, psk)
        if finding.bound is None:
            registration_throttle.check_alone(source)
        RegistrationAttempt.objects.create(
            outcome=finding.outcome,
            sha256=certificate.sha256,
            psk_hint=_hint(psk),
            identity=finding.key.identity if finding.key else None,
            address=source.address_text,
            request_id=request_id[:64],
        )
    logger.log(
        logging.WARNING if finding.bound is None else logging.INFO,
        "registration %s certificate=%s address=%s",
        finding.outcome.value,
        certificate.sha256.hex(),
        source.address_text,
    )
    return finding


def _decide(certificate: ClientCertificate, psk: str) -> _Finding:
    # Returns a bound certificate exactly when it may be used from now on.
    if not keys.is_well_formed(psk, keys.PSK_PREFIX):
        return _Finding(Outcome.PSK_MALFORMED)
    known = PreSharedKey.objects.select_related("identity").filter(digest=keys.digest(psk))
    key = known.first()
    return _Finding(Outcome.PSK_UNKNOWN) if key is None else _redeem(certificate, key)


def _redeem(certificate: ClientCertificate, key: PreSharedKey) -> _Finding:
    if key.revoked_at is not None:
        return _Finding(Outcome.PSK_REVOKED, key)
    if not key.identity.is_active:
        return _Finding(Outcome.IDENTITY_INACTIVE, key)
    bound = DeviceCertificate.objects.filter(sha256=certificate.sha256).first()
    if bound is not None:
        return _find_again(bound, key)
    if not quotas.may_have_another(key):
        return _Finding(Outcome.CERTIFICATES_USED_UP, key)
    if PreSharedKey.objects.redeem(key.pk):
        return _Finding(Outcome.REGISTERED, key, _bind(certificate, key))
    return _Finding(_why_not_redeemed(key.pk), key)


def _find_again(bound: DeviceCertificate, key: PreSharedKey) -> _Finding:
    # A used-up or expired key is good enough here: the device may have lost the first answer.
    if bound.identity_id != key.identity_id:
        return _Finding(Outcome.BOUND_ELSEWHERE, key)
    outcome = _OUTCOME_OF_STATE[DeviceCertificate.State(bound.state)]
    return _Finding(outcome, key, bound if outcome == Outcome.ALREADY_BOUND else None)


def _bind(certificate: ClientCertificate, key: PreSharedKey) -> DeviceCertificate:
    replaces = certificate_renewal.superseded_by(key)
    if replaces is not None:
        certificate_renewal.schedule_retirement(replaces)
    return DeviceCertificate.objects.create(
        identity=key.identity,
        sha256=certificate.sha256,
        der=certificate.der,
        subject=certificate.subject,
        key_type=certificate.key_type,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        bound_with=key,
        replaces=replaces,
        label="" if replaces is None else replaces.label,
    )


def _why_not_redeemed(pk: int) -> Outcome:
    # Read anew: another device may have taken the last use since, or staff the key.
    key = PreSharedKey.objects.filter(pk=pk).first()
    if key is None:
        return Outcome.PSK_UNKNOWN
    states = {"revoked": Outcome.PSK_REVOKED, "expired": Outcome.PSK_EXPIRED}
    return states.get(key.state, Outcome.PSK_EXHAUSTED)


def _hint(psk: str) -> str:
    # Of what is no key nothing is kept: it may be a password that was pasted by mistake.
    shown = psk[len(keys.PSK_PREFIX) :][:4]
    if psk.startswith(keys.PSK_PREFIX) and len(shown) == 4 and shown.isascii() and shown.isalnum():
        return keys.hint(psk)
    return ""
