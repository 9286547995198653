"""The staff site's settings with one more application, as a next release could have."""

from device_endpoint.settings.staff import *  # noqa: F403 - a settings module is its names
from device_endpoint.settings.staff import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.reliability.migration_app"]
