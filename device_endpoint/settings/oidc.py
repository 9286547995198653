"""Settings of the sign-in through an identity provider: docs/how-to/sign-in-by-a-provider.md.

Error messages repeat no secret.
"""

from __future__ import annotations

import importlib.util
import json
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from device_endpoint.env import read_list, read_text

_ROLES = ("viewer", "data manager", "study admin")


def _read_groups(text: str) -> dict[str, str | tuple[str, str]]:
    """Return what each group of the provider gives: a group here, or study and role."""
    try:
        given = json.loads(text)
        targets = {
            str(group): target if isinstance(target, str) else (str(target[0]), str(target[1]))
            for group, target in given.items()
        }
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise _refuse_groups() from error
    if any(isinstance(target, tuple) and target[1] not in _ROLES for target in targets.values()):
        raise _refuse_groups()
    return targets


def _refuse_groups() -> ImproperlyConfigured:
    return ImproperlyConfigured(
        'OIDC_GROUPS cannot be used: expected {"GROUP": ["STUDY", "viewer"], "GROUP": "analysts"}; '
        f"roles are {', '.join(_ROLES)}."
    )


OIDC_ISSUER = read_text("OIDC_ISSUER")
OIDC_CLIENT_ID = read_text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = read_text("OIDC_CLIENT_SECRET")
OIDC_LABEL = read_text("OIDC_LABEL", "your organisation")
OIDC_SCOPES = read_text("OIDC_SCOPES", "openid profile email")
OIDC_GROUPS_CLAIM = read_text("OIDC_GROUPS_CLAIM", "groups")
OIDC_GROUPS = _read_groups(read_text("OIDC_GROUPS") or "{}")
OIDC_TRUSTED_AMR = read_list("OIDC_TRUSTED_AMR", [])

if OIDC_ISSUER:
    _url = urlsplit(OIDC_ISSUER)
    _is_here = _url.scheme == "http" and _url.hostname in ("localhost", "127.0.0.1", "::1")
    if not _url.hostname or not (_url.scheme == "https" or _is_here) or _url.username:
        raise ImproperlyConfigured(
            "OIDC_ISSUER cannot be used: expected https://HOST/PATH, or http:// to this machine."
        )
    if not OIDC_CLIENT_ID or not OIDC_GROUPS:
        raise ImproperlyConfigured("OIDC_ISSUER is set: set OIDC_CLIENT_ID and OIDC_GROUPS too.")
    if importlib.util.find_spec("authlib") is None:
        raise ImproperlyConfigured(
            "OIDC_ISSUER is set, and authlib is not installed: "
            "pip install --require-hashes -r requirements/oidc.txt"
        )
