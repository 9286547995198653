"""App configurations of the project: its commands and system checks, and its admin."""

from typing import Any

from django.apps import AppConfig
from django.contrib.admin import autodiscover
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core.checks import CheckMessage, Tags, register


class DeviceEndpointConfig(AppConfig):
    name = "device_endpoint"
    verbose_name = "Device endpoint"
    default = True

    def ready(self) -> None:
        from device_endpoint import checks  # noqa: F401, PLC0415 - the import registers the checks


class StaffAdminConfig(SimpleAdminConfig):
    """The admin, whose pages are imported by ``staff_urls``: commands start faster without them."""

    def ready(self) -> None:
        register(check_dependencies, Tags.admin)
        register(check_pages, Tags.admin)


def check_pages(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Check the pages of the admin, which a command has not imported yet."""
    autodiscover()
    return check_admin_app(app_configs, **kwargs)
