"""Issue the keys of a whole list: all of them, or none and what is wrong with which row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count
from django.db.models.functions import Lower
from django.utils import timezone

from identities.credentials import issue_psk
from identities.enrolment.csv_file import (
    MAX_ROWS,
    REQUIRED,
    BadEnrolment,
    Defaults,
    EnrolmentRow,
    RowFault,
    decode,
    parse,
)
from identities.enrolment.models import Enrolment
from identities.models import IDENTITY_NAME, Identity, PreSharedKey


@dataclass(frozen=True)
class Plan:
    """A list in which every row is good, at the moment ``now``.

    ``known`` holds the identities that there are, by name in lower case.
    """

    rows: list[EnrolmentRow]
    known: dict[str, Identity]
    now: datetime

    def name(self, row: EnrolmentRow) -> str:
        """Return the name of the row's identity as it is, or will be, written."""
        found = self.known.get(row.identity.lower())
        return found.name if found else row.identity

    def expires_at(self, row: EnrolmentRow) -> datetime:
        """Return when the row's key ends, in whole seconds."""
        return (self.now + row.valid_for).replace(microsecond=0)

    @property
    def missing(self) -> list[str]:
        """Return the names of the identities that are to be made, each once."""
        names = {
            row.identity.lower(): row.identity
            for row in reversed(self.rows)
            if row.identity.lower() not in self.known
        }
        return list(reversed(names.values()))

    @property
    def inactive(self) -> list[str]:
        """Return the names of the identities whose devices are refused for now."""
        return [found.name for found in self.known.values() if not found.is_active]


def check(
    content: bytes,
    defaults: Defaults,
    *,
    create: bool,
    remedy: str,
    most_rows: int = MAX_ROWS,
) -> Plan:
    """Return what the CSV file ``content`` asks for. Changes nothing.

    ``create`` allows identities that there are not; ``remedy`` says what to do where it does not.
    Raise ``BadEnrolment`` with every bad row.
    """
    rows, faults = parse(decode(content), defaults, most_rows)
    known = _identities({row.identity for row in rows})
    for row in rows:
        if row.identity.lower() not in known:
            faults += _faults_of_a_new_name(row, "" if create else remedy)
    if faults:
        raise BadEnrolment(sorted(faults, key=lambda fault: fault.line))
    return Plan(rows, known, timezone.now())


def open_keys(plan: Plan) -> dict[str, int]:
    """Return how many usable keys the identities of ``plan`` have already, by lower-case name."""
    usable = PreSharedKey.objects.usable().filter(identity__in=plan.known.values())
    found = usable.order_by().values_list("identity__name").annotate(n=Count("pk"))
    return {name.lower(): number for name, number in found}


def issue_all(
    plan: Plan,
    *,
    name: str,
    created_by: AbstractBaseUser | None = None,
    confirmation: UUID | None = None,
) -> tuple[Enrolment, list[tuple[PreSharedKey, str]]]:
    """Issue the keys of ``plan`` in one transaction, as the enrolment called ``name``.

    Return the enrolment, and each key with its secret, in order. Raise ``IntegrityError`` where
    the same ``confirmation`` has issued before, or a missing identity has been made meanwhile,
    ``ValidationError`` where a key has expired before all were made; nothing is made then.
    """
    with transaction.atomic():
        enrolment = Enrolment.objects.create(
            name=name[:100],
            created_by_id=None if created_by is None else created_by.pk,
            idempotency_key=confirmation,
        )
        identities: dict[str, Identity] = {}
        issued = []
        for row in plan.rows:
            lower = row.identity.lower()
            if lower not in identities:
                identities[lower] = plan.known.get(lower) or _make(row.identity)
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


def _make(name: str) -> Identity:
    # The plan has found the name good and missing; should another be quicker, nothing is made.
    identity = Identity(name=name)
    identity.save(force_insert=True)
    return identity


def _identities(names: set[str]) -> dict[str, Identity]:
    # Text that cannot be a name is not asked for: some of it the database would not take.
    wanted = [name.lower() for name in names if re.fullmatch(IDENTITY_NAME, name)]
    found = Identity.objects.annotate(lower=Lower("name")).filter(lower__in=wanted)
    return {identity.name.lower(): identity for identity in found}


def _faults_of_a_new_name(row: EnrolmentRow, remedy: str) -> list[RowFault]:
    try:
        Identity._meta.get_field("name").clean(row.identity, None)
    except ValidationError as error:
        wrong = f"{row.identity[:70]!r} cannot be an identity"
        return [RowFault(row.line, REQUIRED, wrong, " ".join(error.messages))]
    if not remedy:
        return []
    return [RowFault(row.line, REQUIRED, f"there is no identity {row.identity!r}", remedy)]
