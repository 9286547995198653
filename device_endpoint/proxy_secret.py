"""The staff door's lock behind nginx: what does not carry the proxy secret goes no further.

Session cookies and passwords are proof enough of who is asking, but the address that failed
logins are counted by and the claim that TLS was used are nginx's to say.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication

logger = logging.getLogger(__name__)


def behind_nginx(application: WSGIApplication, secret: str) -> WSGIApplication:
    """Return ``application`` behind the lock; it does not get to see the secret."""

    def locked(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        given = environ.pop("HTTP_X_PROXY_SECRET", "")
        if hmac.compare_digest(given.encode(), secret.encode()):
            return application(environ, start_response)
        logger.error("a request did not come through nginx: its proxy secret is wrong")
        body = b"This door is reached through nginx only.\n"
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
        start_response("403 Forbidden", headers)
        return [body]

    return locked
