"""Bind a device's certificate to an identity by a pre-shared key.

A registration is safe to repeat: the same certificate with a key of the same identity has the same
result and costs one use in all. The transaction that decides an attempt also records its true
outcome, so the records never contradict the bindings.

A new certificate with a key that staff made, which is nearly every one, is one statement
(``ingest_register_new``). Where that binds nothing, ``_decide`` finds out why, or renews.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import psycopg
from django.conf import settings
from django.db import Error, transaction
from django.utils import timezone

from identities import keys
from identities.models import PreSharedKey, lock_identities
from ingest import certificate_renewal, quotas, registration_throttle, stranger_attempts
from ingest.device_requests import DeviceRequest
from ingest.models import DeviceCertificate, RegistrationAttempt
from ingest.parsing.certificates import ClientCertificate
from ingest.registration_outcomes import Outcome
from ingest.registration_throttle import RegistrationThrottled, Source
from ingest.storage import advisory_locks, prepared_statements
from ingest.storage.prepared_statements import Statement

logger = logging.getLogger(__name__)

_LOCK = "certificate"
_REGISTER_NEW_TYPES = (
    "int8", "timestamptz", "bytea", "bytea", "bytea", "text", "text", "timestamptz", "timestamptz",
    "text", "text", "text", "text", "int8",
)  # fmt: skip
_PLACEHOLDERS = ", ".join(f"${number}" for number, _ in enumerate(_REGISTER_NEW_TYPES, start=1))
_REGISTER_NEW = Statement(
    "register_new",
    f"SELECT ingest_register_new({_PLACEHOLDERS})",
    _REGISTER_NEW_TYPES,
)
_OUTCOME_OF_STATE = {
    DeviceCertificate.State.ACTIVE: Outcome.ALREADY_BOUND,
    DeviceCertificate.State.SUSPENDED: Outcome.CERTIFICATE_SUSPENDED,
    DeviceCertificate.State.REVOKED: Outcome.CERTIFICATE_REVOKED,
}


class RegistrationFailed(Exception):
    """The key did not bind the certificate; ``outcome`` is the true reason, for staff only."""

    def __init__(self, outcome: str) -> None:
        super().__init__()
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Registered:
    """The name of the identity; with ``already_bound`` it was bound before and cost no use."""

    identity: str
    already_bound: bool


@dataclass(frozen=True, slots=True)
class _Decision:
    outcome: Outcome
    key: PreSharedKey | None = None
    bound: DeviceCertificate | None = None


def register(certificate: ClientCertificate, psk: str, request: DeviceRequest) -> Registered:
    """Bind ``certificate`` to the identity that ``psk`` belongs to.

    The caller has checked the certificate's dates and policy. Raises ``RegistrationFailed`` (the
    key keeps its use), ``RegistrationThrottled`` (nothing was decided, the key keeps its use) or a
    ``django.db.Error`` or ``psycopg.Error``. Call it outside of a transaction.
    """
    source = Source.of(certificate.sha256, request.address)
    try:
        registration_throttle.check(source)
        registered = _register_at_once(certificate, psk, source, request)
        if registered is None:
            registered = _register_by_steps(certificate, psk, source, request)
    except RegistrationThrottled:
        registration_throttle.throttled.add(source)
        registration_throttle.throttled.record_when_due()
        raise
    except RegistrationFailed:
        registration_throttle.throttled.record_when_due()
        raise
    registration_throttle.throttled.record_when_due()
    return registered


def record_refused_certificate(
    outcome: Outcome, sha256: bytes | None, psk: str, request: DeviceRequest
) -> None:
    """Record a registration whose certificate was refused, so that staff find it.

    ``sha256`` is None without a certificate that can be read. Statements and answer are the same
    whether the key exists or not; beyond the limits only the number is recorded. A failure is
    logged: it changes no answer.
    """
    source = Source.of(sha256, request.address)
    if source.address is None and sha256 is None:
        return
    try:
        registration_throttle.check(source)
        _record_refusal(outcome, source, psk, request)
    except RegistrationThrottled:
        registration_throttle.throttled.add(source)
    except (Error, psycopg.Error) as error:
        logger.warning("a refused registration is not recorded: %s", type(error).__name__)


def _record_refusal(outcome: Outcome, source: Source, psk: str, request: DeviceRequest) -> None:
    with transaction.atomic():
        known = PreSharedKey.objects.filter(digest=keys.digest(psk))
        identity_id = known.values_list("identity_id", flat=True).first() or 0
        locked = lock_identities([identity_id])
        registration_throttle.check_under_lock(source)
        _record(outcome, psk, source, request, identity_id=identity_id if locked else None)


def _register_at_once(
    certificate: ClientCertificate, psk: str, source: Source, request: DeviceRequest
) -> Registered | None:
    """Bind a new certificate with a usable key of staff; else return None, with nothing done."""
    # With a quota the certificates of the identity are counted under a lock.
    if settings.MAX_CERTIFICATES_PER_IDENTITY or not keys.is_well_formed(psk, keys.PSK_PREFIX):
        return None
    address = source.address_text
    row = prepared_statements.execute(
        _REGISTER_NEW,
        [
            prepared_statements.int8(advisory_locks.number(_LOCK, certificate.sha256)),
            prepared_statements.timestamptz(timezone.now()),
            keys.digest(psk),
            certificate.sha256,
            certificate.der,
            certificate.subject.encode(),
            certificate.key_type.encode(),
            prepared_statements.timestamptz(certificate.not_before),
            prepared_statements.timestamptz(certificate.not_after),
            _hint(psk).encode(),
            None if address is None else address.encode(),
            request.request_id[:64].encode(),
            request.user_agent.encode(),
            prepared_statements.optional_int8(request.clock_offset_seconds),
        ],
    )
    name = None if row is None else prepared_statements.to_text(row[0])
    if name is None:
        return None
    _log(Outcome.REGISTERED, source, logging.INFO)
    return Registered(name, already_bound=False)


def _log(outcome: Outcome, source: Source, level: int) -> None:
    logger.log(
        level,
        "registration %s certificate=%s address=%s",
        outcome.value,
        "" if source.sha256 is None else source.sha256.hex(),
        source.address_text,
    )


def _register_by_steps(
    certificate: ClientCertificate, psk: str, source: Source, request: DeviceRequest
) -> Registered:
    with transaction.atomic(durable=True):
        # One registration of a certificate at a time: the second one finds the first one's binding.
        advisory_locks.acquire(_LOCK, certificate.sha256)
        decision = _decide(certificate, psk)
        if decision.bound is None:
            registration_throttle.check_under_lock(source)
        is_recorded = decision.key is not None or stranger_attempts.rows.take_place()
        if is_recorded:
            identity_id = decision.key.identity_id if decision.key else None
            _record(decision.outcome, psk, source, request, identity_id=identity_id)
    if decision.key is None:
        if not is_recorded:
            registration_throttle.throttled.add(source)
        stranger_attempts.evict_when_due()
    _log(decision.outcome, source, logging.WARNING if decision.bound is None else logging.INFO)
    if decision.key is None or decision.bound is None:
        raise RegistrationFailed(decision.outcome)
    return Registered(
        decision.key.identity.name, already_bound=decision.outcome == Outcome.ALREADY_BOUND
    )


def _record(
    outcome: Outcome,
    psk: str,
    source: Source,
    request: DeviceRequest,
    *,
    identity_id: int | None,
) -> None:
    RegistrationAttempt.objects.create(
        outcome=outcome,
        sha256=source.sha256,
        psk_hint=_hint(psk),
        identity_id=identity_id,
        address=source.address_text,
        request_id=request.request_id[:64],
        user_agent=request.user_agent,
        clock_offset_seconds=request.clock_offset_seconds,
    )


def _decide(certificate: ClientCertificate, psk: str) -> _Decision:
    # The decision has a bound certificate exactly when devices may use it from now on.
    if not keys.is_well_formed(psk, keys.PSK_PREFIX):
        return _Decision(Outcome.PSK_MALFORMED)
    known = PreSharedKey.objects.select_related("identity").filter(digest=keys.digest(psk))
    key = known.first()
    if key is None or not lock_identities([key.identity_id]):
        return _Decision(Outcome.PSK_UNKNOWN)
    return _redeem(certificate, key)


def _redeem(certificate: ClientCertificate, key: PreSharedKey) -> _Decision:
    if key.revoked_at is not None:
        return _Decision(Outcome.PSK_REVOKED, key)
    if not key.identity.is_active:
        return _Decision(Outcome.IDENTITY_INACTIVE, key)
    bound = DeviceCertificate.objects.filter(sha256=certificate.sha256).first()
    if bound is not None:
        return _register_again(bound, key)
    return _register_new(certificate, key)


def _register_new(certificate: ClientCertificate, key: PreSharedKey) -> _Decision:
    if not quotas.can_bind_certificate(key):
        return _Decision(Outcome.CERTIFICATE_QUOTA_EXHAUSTED, key)
    renewed = certificate_renewal.find_renewed(key)
    if renewed is not None and not certificate_renewal.lock_renewable(renewed.pk):
        return _Decision(Outcome.RENEWAL_CLOSED, key)
    if PreSharedKey.objects.redeem(key.pk):
        return _Decision(Outcome.REGISTERED, key, _bind(certificate, key, renewed))
    return _Decision(_why_not_redeemed(key.pk), key)


def _register_again(bound: DeviceCertificate, key: PreSharedKey) -> _Decision:
    # An exhausted or expired key is good enough here: the device may have lost the first answer.
    if bound.identity_id != key.identity_id:
        return _Decision(Outcome.BOUND_ELSEWHERE, key)
    outcome = _OUTCOME_OF_STATE[DeviceCertificate.State(bound.state)]
    return _Decision(outcome, key, bound if outcome == Outcome.ALREADY_BOUND else None)


def _bind(
    certificate: ClientCertificate, key: PreSharedKey, superseded: DeviceCertificate | None
) -> DeviceCertificate:
    if superseded is not None:
        certificate_renewal.supersede(superseded)
    return DeviceCertificate.objects.create(
        identity=key.identity,
        sha256=certificate.sha256,
        der=certificate.der,
        subject=certificate.subject,
        key_type=certificate.key_type,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        bound_with=key,
        replaces=superseded,
        label=key.note if superseded is None else superseded.label,
    )


def _why_not_redeemed(pk: int) -> Outcome:
    # Read again: another device may have taken the last use since, or staff revoked the key.
    key = PreSharedKey.objects.filter(pk=pk).first()
    if key is None:
        return Outcome.PSK_UNKNOWN
    states = {"revoked": Outcome.PSK_REVOKED, "expired": Outcome.PSK_EXPIRED}
    return states.get(key.state, Outcome.PSK_EXHAUSTED)


def _hint(psk: str) -> str:
    # Nothing is stored of text that is no key: it may be a password pasted by mistake.
    start = psk[len(keys.PSK_PREFIX) :][:4]
    if psk.startswith(keys.PSK_PREFIX) and len(start) == 4 and start.isascii() and start.isalnum():
        return keys.hint(psk)
    return ""
