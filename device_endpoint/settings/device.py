"""Settings of the device API: no admin, no sessions, no templates, no login."""

from device_endpoint.settings.base import *  # noqa: F403 - a settings module is its names
from device_endpoint.settings.base import LOGGING

ROOT_URLCONF = "device_endpoint.device_urls"
WSGI_APPLICATION = "device_endpoint.device_wsgi.application"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "identities",
    "ingest",
]
# No middleware: ingest.api handles these concerns.
MIDDLEWARE: list[str] = []
TEMPLATES: list[dict[str, object]] = []
# "/device_endpoint" and "/device_endpoint/" are both routes; there are no redirects.
APPEND_SLASH = False

REST_FRAMEWORK: dict[str, object] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "URL_FORMAT_OVERRIDE": None,
}

# ingest.api.responses logs each refusal once, with its code and request id.
LOGGING["loggers"] = {"django.request": {"level": "CRITICAL"}}
