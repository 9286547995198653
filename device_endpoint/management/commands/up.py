"""``manage.py up``: everything that this installation needs, started, watched and ended."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from device_endpoint.environment import read_text
from device_endpoint.supervision import doors, preparation, readiness
from device_endpoint.supervision.announcement import ready_block
from device_endpoint.supervision.embedded_postgres import EmbeddedPostgres
from device_endpoint.supervision.errors import CannotStartError, StopRequested
from device_endpoint.supervision.programs_found import nginx_binary, postgres_folder
from device_endpoint.supervision.supervisor import Supervisor


class Command(BaseCommand):
    help = "Start PostgreSQL (unless DATABASE_URL is set), both doors and nginx; Ctrl-C ends all."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        supervisor = Supervisor(self._say)
        with supervisor.signals():
            try:
                self._start(supervisor, demo=options["demo"])
            except StopRequested:
                self._say("ending ...")
            except (CannotStartError, ImproperlyConfigured) as error:
                raise CommandError(str(error)) from error
            except DatabaseError as error:
                raise CommandError(f"the database refuses: {str(error).splitlines()[0]}") from error
            finally:
                supervisor.stop()
        self._say("ended")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--demo", action="store_true", help="also run three simulated devices that keep sending"
        )

    def _start(self, supervisor: Supervisor, demo: bool) -> None:
        var_dir = Path(settings.VAR_DIR)
        log_dir = var_dir / "log"
        preparation.make_folders(var_dir)
        held = preparation.lock(var_dir)
        addresses = doors.free_addresses()
        nginx = nginx_binary()
        self._start_database(supervisor, var_dir)
        preparation.migrate()
        preparation.collect_static()
        login = preparation.ensure_superuser()
        preparation.ensure_server_certificate()
        doors.prepare_run_folder()
        doors.prepare_nginx(nginx, addresses)
        supervisor.start(
            doors.gunicorn_spec("device", log_dir), doors.gunicorn_spec("staff", log_dir)
        )
        supervisor.start(doors.nginx_spec(nginx, log_dir))
        readiness.wait_until_ready(addresses[0], supervisor.require_running)
        self._say(ready_block(login))

        def prepare_reload() -> None:
            preparation.ensure_server_certificate()
            doors.prepare_nginx(nginx, addresses)

        supervisor.watch(prepare_reload)
        held.close()

    def _start_database(self, supervisor: Supervisor, var_dir: Path) -> None:
        if read_text("DATABASE_URL"):
            return
        postgres = EmbeddedPostgres(var_dir, postgres_folder(), var_dir / "log" / "postgres.log")
        if postgres.prepare():
            self._say(f"made a database in {postgres.data}")
        supervisor.start(postgres.spec())
        postgres.wait_until_ready(supervisor.require_running)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        sys.stdout.flush()
