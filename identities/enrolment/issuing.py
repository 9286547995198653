"""Bulk enrolment: issue the keys of a list, and re-issue keys, all of them or none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from identities.credentials import issue_psk
from identities.enrolment.csv_file import (
    IDENTITY_COLUMN,
    MAX_ROWS,
    Defaults,
    EnrolmentRow,
    InvalidEnrolment,
    RowError,
    decode,
    parse,
)
from identities.enrolment.study_checks import check_rows, find_studies
from identities.models import IDENTITY_NAME, Enrolment, Identity, PreSharedKey
from identities.studies import Study, StudyIdentity
from identities.visibility import EVERYTHING, Scope


@dataclass(frozen=True)
class Plan:
    """A list whose rows are all valid at the moment ``now``.

    ``known`` has the identities that exist and ``studies`` those that rows name, by name in lower
    case.
    """

    rows: list[EnrolmentRow]
    known: dict[str, Identity]
    studies: dict[str, Study]
    now: datetime

    def name(self, row: EnrolmentRow) -> str:
        """Return the row's identity in the case in which it is, or will be, stored."""
        identity = self.known.get(row.identity.lower())
        return identity.name if identity else row.identity

    def expires_at(self, row: EnrolmentRow) -> datetime:
        return (self.now + row.valid_for).replace(microsecond=0)

    @property
    def missing(self) -> list[str]:
        """The names of the identities to create, each once, in file order."""
        names = {
            row.identity.lower(): row.identity
            for row in reversed(self.rows)
            if row.identity.lower() not in self.known
        }
        return list(reversed(names.values()))

    @property
    def inactive(self) -> list[str]:
        """The names of the inactive identities, whose devices are refused."""
        return [identity.name for identity in self.known.values() if not identity.is_active]


def make_plan(
    content: bytes,
    defaults: Defaults,
    *,
    create: bool,
    remedy: str,
    scope: Scope = EVERYTHING,
    max_rows: int = MAX_ROWS,
) -> Plan:
    """Check the CSV file ``content`` and return what it would issue in ``scope``. Changes nothing.

    ``create`` allows identities that do not exist; where it is False, ``remedy`` is the advice
    in their errors. Raise ``InvalidEnrolment`` with every invalid row.
    """
    rows, errors = parse(decode(content), defaults, max_rows)
    known = _find_identities({row.identity for row in rows})
    studies = find_studies(rows, scope)
    for row in rows:
        if row.identity.lower() not in known:
            errors += _check_new_name(row, "" if create else remedy)
    errors += check_rows(rows, known, studies, scope)
    if errors:
        raise InvalidEnrolment(sorted(errors, key=lambda error: error.line))
    return Plan(rows, known, studies, timezone.now())


def count_usable_keys(plan: Plan) -> dict[str, int]:
    """Return the number of usable keys of the plan's identities, by name in lower case."""
    usable = PreSharedKey.objects.usable().filter(identity__in=plan.known.values())
    counts = usable.order_by().values_list("identity__name").annotate(n=Count("pk"))
    return {name.lower(): count for name, count in counts}


def issue_all(
    plan: Plan,
    *,
    name: str,
    created_by: AbstractBaseUser | None = None,
    idempotency_key: UUID | None = None,
) -> tuple[Enrolment, list[tuple[PreSharedKey, str]]]:
    """Issue the keys of ``plan`` in one transaction, as the enrolment called ``name``.

    Return the enrolment, and each key with its secret, in file order. Raise ``IntegrityError`` if
    ``idempotency_key`` was used before or a missing identity has been created since, and
    ``ValidationError`` if a key expired before all were created; nothing is created then.
    """
    with transaction.atomic():
        enrolment = Enrolment.objects.create(
            name=name[:100],
            created_by_id=None if created_by is None else created_by.pk,
            idempotency_key=idempotency_key,
        )
        identities: dict[str, Identity] = {}
        issued = []
        for row in plan.rows:
            lower = row.identity.lower()
            if lower not in identities:
                identities[lower] = plan.known.get(lower) or _create_identity(row.identity)
            if row.study:
                StudyIdentity.objects.get_or_create(
                    identity=identities[lower], study=plan.studies[row.study.lower()]
                )
            issued.append(
                issue_psk(
                    identities[lower],
                    max_uses=row.max_uses,
                    expires_at=plan.expires_at(row),
                    note=row.note,
                    created_by=created_by,
                    enrolment=enrolment,
                )
            )
        return enrolment, issued


@dataclass(frozen=True)
class Replacement:
    """A new key, its secret, and the key that it replaces."""

    key: PreSharedKey
    secret: str
    old: PreSharedKey


def count_replacement_uses(old: PreSharedKey) -> int:
    """Return ``max_uses`` of the replacement: the uses that ``old`` has left, or all if none."""
    return (old.max_uses - old.uses) or old.max_uses


def reissue(
    old_keys: QuerySet[PreSharedKey],
    *,
    valid_for: timedelta,
    created_by: AbstractBaseUser | None = None,
) -> list[Replacement]:
    """Replace those of ``old_keys`` that have no replacement, and revoke them.

    All or none, in the order in which the old keys were created. Identity, note and enrolment
    stay the same. The keys are locked before ``old_keys`` is evaluated again: a device that
    registers meanwhile has either used the old key, which ``old_keys`` may then exclude, or
    finds it revoked.
    """
    with transaction.atomic():
        numbers = list(old_keys.values_list("pk", flat=True))
        locked = PreSharedKey.objects.filter(pk__in=numbers).order_by("pk").select_for_update()
        numbers = [key.pk for key in locked]
        replaceable = old_keys.filter(pk__in=numbers, replaced_by=None)
        replaceable = replaceable.select_related("identity", "enrolment").order_by("pk")
        return [_replace(old, valid_for, created_by) for old in replaceable]


def _replace(
    old: PreSharedKey, valid_for: timedelta, created_by: AbstractBaseUser | None
) -> Replacement:
    PreSharedKey.objects.filter(pk=old.pk).revoke()
    key, secret = issue_psk(
        old.identity,
        max_uses=count_replacement_uses(old),
        expires_at=timezone.now() + valid_for,
        note=old.note,
        created_by=created_by,
        enrolment=old.enrolment,
        replaces=old,
    )
    return Replacement(key, secret, old)


def _create_identity(name: str) -> Identity:
    # The plan has validated the name. If another session created it since, the unique
    # constraint fails the whole transaction.
    identity = Identity(name=name)
    identity.save(force_insert=True)
    return identity


def _find_identities(names: set[str]) -> dict[str, Identity]:
    # Text that cannot be a name is not sent to the database, which rejects some of it.
    valid = [name.lower() for name in names if re.fullmatch(IDENTITY_NAME, name)]
    identities = Identity.objects.annotate(lower=Lower("name")).filter(lower__in=valid)
    return {identity.name.lower(): identity for identity in identities}


def _check_new_name(row: EnrolmentRow, remedy: str) -> list[RowError]:
    try:
        Identity._meta.get_field("name").clean(row.identity, None)
    except ValidationError as error:
        wrong = f"{row.identity[:70]!r} cannot be an identity"
        return [RowError(row.line, IDENTITY_COLUMN, wrong, " ".join(error.messages))]
    if not remedy:
        return []
    return [RowError(row.line, IDENTITY_COLUMN, f"there is no identity {row.identity!r}", remedy)]
