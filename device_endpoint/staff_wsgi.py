"""WSGI application of the staff site, which answers only requests that nginx has forwarded.

Sessions and passwords authenticate the user, but the client address by which failed logins are
counted and the statement that TLS was used are trusted only from nginx.
"""

from __future__ import annotations

import hmac
import importlib
import logging
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from device_endpoint.watched_postgresql.base import DatabaseWrapper
from ingest import probe_mark

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication

logger = logging.getLogger(__name__)

REFUSAL = b"The staff site is reached through nginx only.\n"


def require_proxy_secret(application: WSGIApplication, secret: str) -> WSGIApplication:
    """Wrap ``application``: requests without the proxy secret get 403. It never sees the secret."""

    def check(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        received = environ.pop("HTTP_X_PROXY_SECRET", "")
        if hmac.compare_digest(received.encode(), secret.encode()):
            return application(environ, start_response)
        # The supervisor and the health check of a container ask for /livez past nginx.
        is_expected = environ.get("PATH_INFO") == "/livez" or probe_mark.is_own_probe(
            environ.get(probe_mark.ENVIRON_KEY, ""), secret
        )
        if not is_expected:
            logger.error("a request did not come through nginx: its proxy secret is wrong")
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(REFUSAL)))]
        start_response("403 Forbidden", headers)
        return [REFUSAL]

    return check


os.environ["DJANGO_SETTINGS_MODULE"] = "device_endpoint.settings.staff"
DatabaseWrapper.watch()  # not in commands, which may wait
application = require_proxy_secret(get_wsgi_application(), settings.PROXY_SECRET)
# The first request would wait for it.
importlib.import_module(settings.ROOT_URLCONF)
