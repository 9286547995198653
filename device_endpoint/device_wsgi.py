"""WSGI application of the device door."""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "device_endpoint.settings.device"

application = get_wsgi_application()
