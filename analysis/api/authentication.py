"""Authentication by bearer token or by the session of the staff site."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from identities import keys
from identities.access_tokens import AccessToken

_REALM = 'Bearer realm="device-endpoint"'


class BearerToken(BaseAuthentication):
    """Authenticates ``Authorization: Bearer TOKEN``; ignores requests without such a header."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, AccessToken] | None:
        """Return the token's owner and the token; raise ``AuthenticationFailed``."""
        scheme, _, credential = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        # Decoding Latin-1 never fails; the check of the form rejects what is no token.
        secret = credential.strip().decode("latin-1")
        if not keys.is_well_formed(secret, keys.TOKEN_PREFIX):
            raise AuthenticationFailed("The token is not well formed: was it copied whole?")
        token = (
            AccessToken.objects.usable()
            .filter(digest=keys.digest(secret))
            .select_related("user")
            .first()
        )
        if token is None:
            raise AuthenticationFailed("The token is unknown, expired or revoked.")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return _REALM


class AdminSession(BaseAuthentication):
    """Authenticates the session cookie of the staff site, whose pages use this API.

    No CSRF check: all requests to this API are read-only.
    """

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, None] | None:
        user: AbstractBaseUser | AnonymousUser = request._request.user
        if isinstance(user, AnonymousUser) or not user.is_active:
            return None
        return user, None
