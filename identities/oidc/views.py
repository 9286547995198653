"""The two addresses of the sign-in: to the identity provider, and back from it.

State, nonce and the verifier of PKCE are in the session, which the browser sends only to pages
that this site has led to (``SameSite=Strict``). The first answer to the provider's redirect
therefore is a page that leads to the same address again.
"""

from __future__ import annotations

import functools
import logging
from typing import Any
from urllib.parse import urlencode

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.django_client import OAuth
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import login, logout
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from joserfc.errors import JoseError
from requests import RequestException

from identities.mfa.middleware import PROVIDER_MFA
from identities.oidc.accounts import (
    AccountRefused,
    apply_rights,
    end_access,
    find_or_create_user,
    find_rights,
)

logger = logging.getLogger(__name__)

BACKEND = "django.contrib.auth.backends.ModelBackend"
TIMEOUT_SECONDS = 10
# The provider proves that it knows the private key: no shared secret, and not "none".
SIGNATURES = {
    f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)
} | {"EdDSA"}  # fmt: skip
_NEXT = "oidc_next"
_AGAIN = "again"


@never_cache
@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """Redirect to the provider; ``?next=`` is the page to show afterwards."""
    client = _get_client()
    request.session[_NEXT] = request.GET.get("next", "")[:2000]
    try:
        _restrict_signatures(client)
        url = request.build_absolute_uri(reverse("oidc:callback"))
        answer: HttpResponse = client.authorize_redirect(request, url)
    except (RequestException, AuthlibBaseError, RuntimeError) as error:
        return _refuse(request, _describe_unreachable(error), 503)
    return answer


@never_cache
@require_safe
def callback(request: HttpRequest) -> HttpResponse:
    """Sign in whom the provider names, with the rights that the groups give."""
    client = _get_client()
    state = request.GET.get("state", "")[:200]
    if f"_state_provider_{state}" not in request.session:
        if _AGAIN not in request.GET:
            url = f"{request.path}?{urlencode({**request.GET.dict(), _AGAIN: '1'})}"
            return render(request, "admin/identities/oidc/again.html", {"url": url})
        return _refuse(request, _("This sign-in has expired: begin again."), 400)
    try:
        claims = _read_claims(client, request)
        user = _find_user(request, claims)
    except AccountRefused as refusal:
        return _refuse(request, str(refusal), 403)
    except RequestException as error:
        return _refuse(request, _describe_unreachable(error), 503)
    following = request.session.get(_NEXT, "")
    login(request, user, backend=BACKEND)
    trusted = {*settings.OIDC_TRUSTED_AMR}
    request.session[PROVIDER_MFA] = bool(trusted.intersection(claims.get("amr") or ()))
    is_local = url_has_allowed_host_and_scheme(following, {request.get_host()}, require_https=True)
    return HttpResponseRedirect(following if is_local else reverse("admin:index"))


def _find_user(request: HttpRequest, claims: dict[str, Any]) -> Any:
    """Return the user with the rights that the groups give; raise ``AccountRefused``."""
    signed_in = request.user if request.user.is_authenticated else None
    rights = find_rights(_read_groups(claims))
    user = find_or_create_user(claims, signed_in, may_create=bool(rights))
    request.user = user  # who is recorded for what follows
    apply_rights(user, rights)
    if not rights or not user.is_active:
        end_access(user)
        logout(request)  # this session has ended too
        raise AccountRefused(_("This account has no access here."))
    return user


def _get_client() -> Any:
    if not settings.OIDC_ISSUER:
        raise Http404
    return _make_client(
        settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET,
        settings.OIDC_SCOPES,
    )  # fmt: skip


@functools.lru_cache(1)
def _make_client(issuer: str, client_id: str, client_secret: str, scopes: str) -> Any:
    return OAuth().register(
        "provider",
        client_id=client_id,
        client_secret=client_secret or None,
        server_metadata_url=f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={
            "scope": scopes,
            "code_challenge_method": "S256",
            "default_timeout": TIMEOUT_SECONDS,
        },
    )


def _restrict_signatures(client: Any) -> None:
    metadata = client.load_server_metadata()
    offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
    metadata["id_token_signing_alg_values_supported"] = sorted(SIGNATURES.intersection(offered))


def _read_claims(client: Any, request: HttpRequest) -> dict[str, Any]:
    """Return the claims of the ID token, completed by those of the provider's user page.

    Raises ``AccountRefused``, and ``RequestException`` if the provider does not answer.
    """
    try:
        return _read_token(client, request)
    except (AuthlibBaseError, JoseError, KeyError, ValueError, RuntimeError) as error:
        if isinstance(error, RequestException):
            raise
        logger.warning("sign-in by the identity provider failed: %s", type(error).__name__)
        text = _("The identity provider did not confirm the sign-in.")
        raise AccountRefused(text) from error


def _read_token(client: Any, request: HttpRequest) -> dict[str, Any]:
    _restrict_signatures(client)
    expected = {
        "iss": {"essential": True, "value": settings.OIDC_ISSUER},
        "aud": {"essential": True, "value": settings.OIDC_CLIENT_ID},
    }
    token = client.authorize_access_token(request, claims_options=expected)
    claims: dict[str, Any] = dict(token["userinfo"])
    if settings.OIDC_GROUPS_CLAIM not in claims:
        more = dict(client.userinfo(token=token))
        if more.get("sub") != claims["sub"]:
            raise ValueError("another subject")
        claims = more | claims
    return claims


def _read_groups(claims: dict[str, Any]) -> list[str]:
    groups = claims.get(settings.OIDC_GROUPS_CLAIM) or []
    return [str(group) for group in ([groups] if isinstance(groups, str) else groups)]


def _describe_unreachable(error: Exception) -> str:
    logger.warning("the identity provider does not answer: %s", type(error).__name__)
    return _("The identity provider does not answer. Try again shortly.")


def _refuse(request: HttpRequest, reason: str, status: int) -> HttpResponse:
    context = admin.site.each_context(request) | {"title": _("Not signed in"), "reason": reason}
    return render(request, "admin/identities/oidc/refused.html", context, status=status)
