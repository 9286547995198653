"""``manage.py render_nginx``: write nginx's configuration, for an nginx not started by ``up``."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from device_endpoint import nginx_config
from device_endpoint.supervisor import bootstrap
from device_endpoint.supervisor.executables import nginx_binary
from device_endpoint.supervisor.process import CannotStartError
from device_endpoint.supervisor.servers import prepare_nginx


class Command(BaseCommand):
    help = "Write nginx's configuration into NGINX_DIR and validate it with nginx -t."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--unchecked",
            action="store_true",
            help="skip the validation, if nginx is not installed here",
        )

        parser.add_argument(
            "--copy-certificate",
            action="store_true",
            help="copy the server's certificate and key into NGINX_DIR too; skips the validation",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            bootstrap.ensure_server_certificate()
            if options["unchecked"] or options["copy_certificate"]:
                nginx_config.write(settings.LISTEN, copy_certificate=options["copy_certificate"])
            else:
                prepare_nginx(nginx_binary(), settings.LISTEN)
        except (CannotStartError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.") from error
        self.stdout.write(f"written to {nginx_config.configuration_folder()}")
