"""Issue the keys of a whole list: all of them, or none and what is wrong with which row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Lower
from django.utils import timezone

from identities.enrolment_file import BadEnrolment, Defaults, EnrolmentRow, RowFault, decode, parse
from identities.issuing import find_or_make_identity, issue_psk
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


def check(content: bytes, defaults: Defaults, *, create: bool) -> Plan:
    """Return what the CSV file ``content`` asks for. Changes nothing.

    ``create`` allows identities that there are not. Raise ``BadEnrolment`` with every bad row.
    """
    rows, faults = parse(decode(content), defaults)
    known = _identities({row.identity for row in rows})
    for row in rows:
        if row.identity.lower() not in known:
            faults += _faults_of_a_new_name(row, create=create)
    if faults:
        raise BadEnrolment(sorted(faults, key=lambda fault: fault.line))
    return Plan(rows, known, timezone.now())


def issue_all(
    plan: Plan, *, created_by: AbstractBaseUser | None = None
) -> list[tuple[PreSharedKey, str]]:
    """Issue the keys of ``plan`` in one transaction; return each with its secret, in order."""
    with transaction.atomic():
        identities: dict[str, Identity] = {}
        issued = []
        for row in plan.rows:
            name = row.identity.lower()
            if name not in identities:
                identities[name] = plan.known.get(name) or find_or_make_identity(row.identity)
            issued.append(
                issue_psk(
                    identities[name],
                    max_uses=row.max_uses,
                    expires_at=plan.expires_at(row),
                    note=row.note,
                    created_by=created_by,
                )
            )
        return issued


def _identities(names: set[str]) -> dict[str, Identity]:
    # Text that cannot be a name is not asked for: some of it the database would not take.
    wanted = [name.lower() for name in names if re.fullmatch(IDENTITY_NAME, name)]
    found = Identity.objects.annotate(lower=Lower("name")).filter(lower__in=wanted)
    return {identity.name.lower(): identity for identity in found}


def _faults_of_a_new_name(row: EnrolmentRow, *, create: bool) -> list[RowFault]:
    try:
        Identity._meta.get_field("name").clean(row.identity, None)
    except ValidationError as error:
        text = f"{row.identity[:70]!r} cannot be an identity: {' '.join(error.messages)}"
        return [RowFault(row.line, text)]
    if create:
        return []
    text = f"there is no identity {row.identity!r}: add --create or make it in the admin."
    return [RowFault(row.line, text)]
