"""WSGI application of the device API."""

import os
from typing import Any

import django
from django.core.cache import close_caches
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, reset_queries

from ingest.storage import cluster

os.environ["DJANGO_SETTINGS_MODULE"] = "device_endpoint.settings.device"


class DeviceRequest(WSGIRequest):
    """A request without Django's body parsers: ``ingest.api`` parses the body itself."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        # Django would parse Content-Type with the slow email library, for parsers not used here.
        self.content_type, self.content_params = "", {}


class DeviceHandler(WSGIHandler):
    request_class = DeviceRequest


django.setup(set_prefix=False)
cluster.limit_sessions()
application = DeviceHandler()

# ingest.storage.transactions keeps the one database connection and replaces a broken one, and
# Django caches nothing here: these handlers would cost time in each request for nothing.
request_started.disconnect(reset_queries)
request_started.disconnect(close_old_connections)
request_finished.disconnect(close_old_connections)
request_finished.disconnect(close_caches)
