"""The registrations made with a pre-shared key, as JSON for its credential card."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import reverse

from identities.models import PreSharedKey
from identities.visibility import scope_of, visible_rows
from ingest.admin.read_only import grouped, shown
from ingest.models import DeviceCertificate, RegistrationAttempt
from ingest.registration_outcomes import NOT_A_REFUSAL, Outcome

PERMISSIONS = ("identities.view_presharedkey", "ingest.view_devicecertificate")
MAX_CERTIFICATES = 20


def registration_status(request: HttpRequest, key: int) -> JsonResponse:
    """Return the state of the key with this row id and the certificates that it has bound.

    ``{"state", "identity", "uses_left", "expires_at", "registered": [{"at", "fingerprint",
    "key_type", "subject", "page"}], "refused": {"at", "reason"} or null}``; times are ISO 8601,
    the oldest certificate comes first. ``refused`` is the latest failed attempt since
    the key was created, with this key or one with the same hint.
    """
    if not request.user.has_perms(PERMISSIONS):
        raise PermissionDenied
    rows = PreSharedKey.objects.select_related("identity").filter(pk=key)
    psk = scope_of(request.user, PERMISSIONS[0]).filter(rows).first()
    if psk is None:
        raise Http404
    certificates = visible_rows(
        request.user, DeviceCertificate.objects.filter(bound_with=psk).defer("der")
    )
    response = JsonResponse(
        {
            "state": psk.state,
            "identity": psk.identity.name,
            "uses_left": psk.max_uses - psk.uses,
            "expires_at": psk.expires_at.isoformat(),
            "registered": [
                _as_json(row) for row in certificates.order_by("bound_at")[:MAX_CERTIFICATES]
            ],
            "refused": _last_refusal(psk),
        }
    )
    response["Cache-Control"] = "no-store"
    return response


def _as_json(certificate: DeviceCertificate) -> dict[str, str]:
    return {
        "at": certificate.bound_at.isoformat(),
        "fingerprint": grouped(certificate.sha256),
        "key_type": certificate.key_type,
        "subject": shown(certificate.subject, 100),
        "page": reverse("admin:ingest_devicecertificate_change", args=[certificate.pk]),
    }


def _last_refusal(key: PreSharedKey) -> dict[str, str] | None:
    # By the hint: a mistyped key has no row, but usually begins like the intended one.
    attempts = RegistrationAttempt.objects.filter(
        Q(identity=key.identity_id) | Q(identity=None),
        created_at__gte=key.created_at,
        psk_hint=key.hint,
    ).exclude(outcome__in=NOT_A_REFUSAL)
    last = attempts.order_by("-created_at").first()
    if last is None:
        return None
    outcome = Outcome(last.outcome) if last.outcome in Outcome.values else None
    reason = str(outcome.label) if outcome else last.outcome
    return {"at": last.created_at.isoformat(), "reason": reason}
