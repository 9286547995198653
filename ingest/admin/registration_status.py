"""What has become of a pre-shared key: asked by its handover card while somebody watches."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import reverse

from identities.models import PreSharedKey
from ingest.admin.read_only import grouped, shown
from ingest.models import DeviceCertificate, RegistrationAttempt
from ingest.registration_outcomes import NOT_A_REFUSAL, Outcome

PERMISSIONS = ("identities.view_presharedkey", "ingest.view_devicecertificate")
MAX_TOLD = 20


def tell_registrations(request: HttpRequest, key: int) -> JsonResponse:
    """Return the state of the key with this row id and the certificates that it has bound.

    ``{"state", "identity", "uses_left", "expires_at", "registered": [{"at", "fingerprint",
    "key_type", "subject", "page"}], "refused": {"at", "reason"} or null}``; times are ISO 8601,
    the oldest certificate comes first. ``refused`` is the latest attempt since the
    key was made that failed with it, or with one that begins like it.
    """
    if not request.user.has_perms(PERMISSIONS):
        raise PermissionDenied
    found = PreSharedKey.objects.select_related("identity").filter(pk=key).first()
    if found is None:
        raise Http404
    certificates = DeviceCertificate.objects.filter(bound_with=found).defer("der")
    answer = JsonResponse(
        {
            "state": found.state,
            "identity": found.identity.name,
            "uses_left": found.max_uses - found.uses,
            "expires_at": found.expires_at.isoformat(),
            "registered": [_tell(each) for each in certificates.order_by("bound_at")[:MAX_TOLD]],
            "refused": _last_refusal(found),
        }
    )
    answer["Cache-Control"] = "no-store"
    return answer


def _tell(certificate: DeviceCertificate) -> dict[str, str]:
    return {
        "at": certificate.bound_at.isoformat(),
        "fingerprint": grouped(certificate.sha256),
        "key_type": certificate.key_type,
        "subject": shown(certificate.subject, 100),
        "page": reverse("admin:ingest_devicecertificate_change", args=[certificate.pk]),
    }


def _last_refusal(key: PreSharedKey) -> dict[str, str] | None:
    # By its hint: a mistyped key belongs to nobody, yet begins like the one it should have been.
    attempts = RegistrationAttempt.objects.filter(
        created_at__gte=key.created_at, psk_hint=key.hint
    ).exclude(outcome__in=NOT_A_REFUSAL)
    last = attempts.order_by("-created_at").first()
    if last is None:
        return None
    outcome = Outcome(last.outcome) if last.outcome in Outcome.values else None
    reason = str(outcome.label) if outcome else last.outcome
    return {"at": last.created_at.isoformat(), "reason": reason}
