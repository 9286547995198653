"""Check the rows of an enrolment against studies: whose identities they name, and which study.

Identity names are unique over all studies, so a name outside the enroller's scope is refused as
not available: it neither receives a key nor can be created.
"""

from __future__ import annotations

from collections.abc import Iterable

from identities.enrolment.csv_file import IDENTITY_COLUMN, STUDY_COLUMN, EnrolmentRow, RowError
from identities.models import Identity
from identities.studies import Study, StudyIdentity, find_closed
from identities.visibility import Scope


def find_studies(rows: Iterable[EnrolmentRow], scope: Scope) -> dict[str, Study]:
    """Return the studies of ``scope`` that the rows name, by name in lower case."""
    wanted = {row.study.lower() for row in rows if row.study}
    if not wanted:
        return {}
    return {study.name.lower(): study for study in scope.studies() if study.name.lower() in wanted}


def check_rows(
    rows: Iterable[EnrolmentRow],
    known: dict[str, Identity],
    studies: dict[str, Study],
    scope: Scope,
) -> list[RowError]:
    """Return an error for each row that ``scope`` does not permit."""
    identity_ids = [identity.pk for identity in known.values()]
    visible = {*scope.identities().filter(pk__in=identity_ids).values_list("pk", flat=True)}
    taking_part: dict[int, set[int]] = {}
    participations = StudyIdentity.objects.filter(identity_id__in=identity_ids).order_by()
    for identity_id, study_id in participations.values_list("identity_id", "study_id"):
        taking_part.setdefault(identity_id, set()).add(study_id)
    closed = find_closed(identity_ids)
    errors = []
    for row in rows:
        identity, study = known.get(row.identity.lower()), studies.get(row.study.lower())
        if identity is not None and identity.pk not in visible:
            errors.append(_not_available(row))
        elif row.study and study is None:
            wrong = f"there is no study {row.study[:100]!r}"
            errors.append(RowError(row.line, STUDY_COLUMN, wrong, "correct the name."))
        elif study is not None and not study.is_active:
            wrong = f"the study {study.name!r} is inactive"
            errors.append(RowError(row.line, STUDY_COLUMN, wrong, "activate it in the admin."))
        elif identity is None:
            errors += _check_new(row, scope)
        elif study is not None and study.pk not in taking_part.get(identity.pk, {study.pk}):
            errors.append(_not_available(row))
        elif identity.pk in closed:
            wrong = f"the study of {identity.name!r} is inactive"
            errors.append(RowError(row.line, IDENTITY_COLUMN, wrong, "activate it in the admin."))
    return errors


def _not_available(row: EnrolmentRow) -> RowError:
    remedy = "choose another name, or have it added to the study first."
    return RowError(
        row.line, IDENTITY_COLUMN, f"the name {row.identity!r} is not available", remedy
    )


def _check_new(row: EnrolmentRow, scope: Scope) -> list[RowError]:
    if row.study or scope.is_everything:
        return []
    wrong = f"no study for the new identity {row.identity[:70]!r}"
    return [RowError(row.line, STUDY_COLUMN, wrong, "choose one, or add a column study.")]
