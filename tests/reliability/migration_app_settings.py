"""The staff door's settings with one application more, as the next release would have it."""

from device_endpoint.settings.staff import *  # noqa: F403 - a settings module is its names
from device_endpoint.settings.staff import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.reliability.migration_app"]
