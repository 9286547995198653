"""Identities found by what people have in hand of them: a code, a key, a certificate, a request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from identities.admin.list_search import make_digest_search
from identities.models import Identity, PreSharedKey
from identities.search import search_text
from identities.studies import StudyIdentity
from identities.visibility import Scope
from ingest.models import CertificateRefusal, DeviceCertificate, Measurement, RegistrationAttempt

# Shorter texts are found in names only: too many notes and labels have them.
MIN_LETTERS = 3
MAX_FOUND_BY_EACH = 200


def find_by_evidence(text: str, scope: Scope, has_perm: Callable[[str], bool]) -> list[int]:
    """Return identities of ``scope`` that have ``text`` elsewhere than in their names.

    It is a part of a description, participant code, key's note or certificate's label, the start of
    a key or fingerprint, or the whole ID of a request or receipt; each only for those who may see
    such rows. Indexes find all of them.
    """
    term = text.strip().replace("\0", "")
    if len(term) < MIN_LETTERS:
        return []
    first, *others = (
        scope.filter(rows, path).order_by().values_list(path)[:MAX_FOUND_BY_EACH]
        for rows, path in _list_places(term, has_perm)
    )
    found = {pk for (pk,) in first.union(*others)}
    return sorted(found | _find_participants(term, scope))


def _find_participants(term: str, scope: Scope) -> set[int]:
    """Return the identities with this part of a code in a study that the scope has."""
    coded = StudyIdentity.objects.filter(search_text(StudyIdentity, "participant_code", term))
    if scope.study_ids is not None:
        coded = coded.filter(study_id__in=scope.study_ids)
    return {*coded.order_by().values_list("identity_id", flat=True)[:MAX_FOUND_BY_EACH]}


def _list_places(term: str, has_perm: Callable[[str], bool]) -> Iterator[tuple[QuerySet[Any], str]]:
    """Yield rows with the term, and the path from such a row to its identity."""
    yield Identity.objects.filter(search_text(Identity, "description", term)), "pk"
    if has_perm("identities.view_presharedkey"):
        noted = Q(hint__startswith=term) | search_text(PreSharedKey, "note", term)
        yield PreSharedKey.objects.filter(noted), "identity_id"
    if has_perm("ingest.view_devicecertificate"):
        digest = make_digest_search("sha256", term)
        labelled = search_text(DeviceCertificate, "label", term)
        yield DeviceCertificate.objects.filter(labelled | digest), "identity_id"
        refusals = CertificateRefusal.objects.filter(request_id=term)
        yield refusals, "certificate__identity_id"
    if has_perm("ingest.view_registrationattempt"):
        tried = Q(request_id=term) | Q(psk_hint=term)
        yield RegistrationAttempt.objects.filter(tried, identity__isnull=False), "identity_id"
    if has_perm("ingest.view_measurement"):
        with suppress(ValueError):  # not an id, then
            yield Measurement.objects.filter(pk=UUID(term)), "identity_id"
