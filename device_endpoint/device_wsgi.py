"""WSGI application of the device door."""

import os
from typing import Any

import django
from django.core.cache import close_caches
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, reset_queries

os.environ["DJANGO_SETTINGS_MODULE"] = "device_endpoint.settings.device"


class DeviceRequest(WSGIRequest):
    """A request whose body nobody but ``ingest.api.parsers`` takes apart."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        # Django would take Content-Type apart for its own parsers, with the library for mail.
        self.content_type, self.content_params = "", {}


class DeviceHandler(WSGIHandler):
    """Django's handler with our request."""

    request_class = DeviceRequest


django.setup(set_prefix=False)
application = DeviceHandler()

# The door's one connection is kept, and mended where it breaks (ingest.storage.transactions):
# nothing is left to look after before and after each request. Nothing is cached by Django here.
request_started.disconnect(reset_queries)
request_started.disconnect(close_old_connections)
request_finished.disconnect(close_old_connections)
request_finished.disconnect(close_caches)
