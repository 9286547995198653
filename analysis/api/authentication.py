"""Who is asking: a program with a token, or a person who is signed in to the admin."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from identities import keys
from identities.models import AccessToken

_REALM = 'Bearer realm="device-endpoint"'


class BearerToken(BaseAuthentication):
    """``Authorization: Bearer TOKEN``. Without such a header the next class has its turn."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, AccessToken] | None:
        """Return the token's owner and the token; raise ``AuthenticationFailed``."""
        scheme, _, credential = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        # Latin-1 never fails; what is not a token is then refused by its form.
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
        """Return what a 401 names as the way to authenticate."""
        return _REALM


class AdminSession(BaseAuthentication):
    """The session cookie of the admin, for the pages that draw from this API.

    There is no check against forged requests: every request here only reads.
    """

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, None] | None:
        """Return the user of the session; None where nobody is signed in."""
        user: AbstractBaseUser | AnonymousUser = request._request.user
        if isinstance(user, AnonymousUser) or not user.is_active:
            return None
        return user, None
