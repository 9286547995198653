"""``manage.py render_nginx``: write nginx's configuration where nginx is not started by ``up``."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from device_endpoint import nginx_config
from device_endpoint.supervision.doors import prepare_nginx
from device_endpoint.supervision.errors import CannotStartError
from device_endpoint.supervision.programs_found import nginx_binary


class Command(BaseCommand):
    help = "Write nginx's configuration into NGINX_DIR and have nginx check it."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            prepare_nginx(nginx_binary(), settings.LISTEN)
        except (CannotStartError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.") from error
        self.stdout.write(f"written to {nginx_config.configuration_folder()}")
