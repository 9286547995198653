"""Identities found by the text of related rows: a code, a key, a certificate, a request."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, Value

from identities.admin.list_search import make_digest_search
from identities.models import Identity, PreSharedKey
from identities.search import search_text
from identities.studies import StudyIdentity
from identities.visibility import NOTHING, VIEW_KEYS, Scope, scope_of
from ingest.models import CertificateRefusal, DeviceCertificate, Measurement, RegistrationAttempt

VIEW_CERTIFICATES = "ingest.view_devicecertificate"
VIEW_ATTEMPTS = "ingest.view_registrationattempt"
# Shorter texts are found in names only: too many notes and labels have them.
MIN_LETTERS = 3
# Rows of a kind that are read for each identity that may be listed: it may have many of one text.
ROWS_PER_IDENTITY = 10


def find_ids(text: str, user: Any, scope: Scope, *, limit: int) -> tuple[list[int], bool]:
    """Return identities of ``scope`` that have ``text`` elsewhere than in their names.

    It is a part of a description, participant code, key's note or certificate's label, the start of
    a key or fingerprint, or the whole ID of a request or receipt; each only where ``user`` may see
    such rows. Of each kind at most ``limit`` identities are returned. Indexes find its rows, of
    which ``ROWS_PER_IDENTITY`` times as many are read at most; the second value is whether a kind
    has more identities, or more rows than are read.
    """
    if len(text) < MIN_LETTERS or scope == NOTHING:
        return [], False
    max_rows = limit * ROWS_PER_IDENTITY
    first, *others = (
        rows.order_by().values_list(path, Value(kind))[: max_rows + 1]
        for kind, (rows, path) in enumerate(_list_related(text, user, scope))
    )
    found: dict[int, Counter[int]] = defaultdict(Counter)
    for pk, kind in first.union(*others, all=True):
        found[kind][pk] += 1
    is_cut = any(len(each) > limit or each.total() > max_rows for each in found.values())
    return sorted({pk for each in found.values() for pk in [*each][:limit]}), is_cut


def _list_related(text: str, user: Any, scope: Scope) -> Iterator[tuple[QuerySet[Any], str]]:
    """Yield the rows with the text that the user may see, and the path to their identities."""
    for permissions, rows, path in _list_kinds(text):
        allowed = scope
        for permission in permissions:
            allowed = _narrow(allowed, user, permission)
        if allowed != NOTHING:
            yield allowed.filter(rows, path), path
    # The code is one in a study that the scope has.
    coded = StudyIdentity.objects.filter(search_text(StudyIdentity, "participant_code", text))
    if scope.study_ids is not None:
        coded = coded.filter(study_id__in=scope.study_ids)
    yield coded, "identity_id"


def _narrow(scope: Scope, user: Any, permission: str) -> Scope:
    """Return the part of ``scope`` where the user has ``permission``."""
    held = scope_of(user, permission).study_ids
    if held is None:
        return scope
    return Scope(held if scope.study_ids is None else held & scope.study_ids)


def _list_kinds(text: str) -> Iterator[tuple[tuple[str, ...], QuerySet[Any], str]]:
    """Yield the permissions to view such rows, the rows with the text, and the path as above."""
    yield (), Identity.objects.filter(search_text(Identity, "description", text)), "pk"
    noted = Q(hint__startswith=text) | search_text(PreSharedKey, "note", text)
    yield (VIEW_KEYS,), PreSharedKey.objects.filter(noted), "identity_id"
    labelled = search_text(DeviceCertificate, "label", text) | make_digest_search("sha256", text)
    certificates = DeviceCertificate.objects.filter(labelled)
    yield (VIEW_CERTIFICATES,), certificates, "identity_id"
    refusals = CertificateRefusal.objects.filter(request_id=text)
    yield (VIEW_CERTIFICATES,), refusals, "certificate__identity_id"
    attempts = RegistrationAttempt.objects.filter(identity__isnull=False).distinct()
    yield (VIEW_ATTEMPTS,), attempts.filter(request_id=text), "identity_id"
    yield (VIEW_ATTEMPTS, VIEW_KEYS), attempts.filter(psk_hint=text), "identity_id"
    with suppress(ValueError):  # not an id, then
        files = Measurement.objects.filter(pk=UUID(text))
        yield ("ingest.view_measurement",), files, "identity_id"
