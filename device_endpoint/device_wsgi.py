"""WSGI application of the device door."""

import os

from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, reset_queries

os.environ["DJANGO_SETTINGS_MODULE"] = "device_endpoint.settings.device"

application = get_wsgi_application()

# The door's one connection is kept, and mended where it breaks (ingest.storing.transactions):
# nothing is left to look after before and after each request.
request_started.disconnect(reset_queries)
request_started.disconnect(close_old_connections)
request_finished.disconnect(close_old_connections)
