"""WSGI application of the staff door."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from device_endpoint.proxy_secret import behind_nginx

os.environ["DJANGO_SETTINGS_MODULE"] = "device_endpoint.settings.staff"

application = behind_nginx(get_wsgi_application(), settings.PROXY_SECRET)
