"""``manage.py up``: start, supervise and stop all programs of this installation."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from device_endpoint import health
from device_endpoint.env import read_text
from device_endpoint.supervisor import bootstrap, demo, folders, servers
from device_endpoint.supervisor.embedded_postgres import EmbeddedPostgres
from device_endpoint.supervisor.executables import nginx_binary, postgres_folder
from device_endpoint.supervisor.process import CannotStartError, StopRequested
from device_endpoint.supervisor.supervisor import Supervisor


class Command(BaseCommand):
    help = (
        "Start PostgreSQL (unless DATABASE_URL is set), both services and nginx, and restart those "
        "that end. Ctrl-C stops all of them; SIGHUP reloads the services and nginx."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--demo", action="store_true", help="also run three simulated devices that keep sending"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        supervisor = Supervisor(self._say)
        supervisor.install_signal_handlers()
        try:
            self._run(supervisor, is_demo=options["demo"])
        except StopRequested:
            self._say("ending ...")
        except (CannotStartError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            reason = str(error).strip().splitlines()[0]
            raise CommandError(f"the database refuses: {reason}") from error
        finally:
            supervisor.stop()
        self._say("ended")

    def _run(self, supervisor: Supervisor, is_demo: bool) -> None:
        var_dir = Path(settings.VAR_DIR)
        folders.make_folders(var_dir)
        with folders.lock(var_dir):
            addresses = servers.free_addresses()
            nginx = nginx_binary()
            servers.prepare_run_folder()
            self._prepare_nginx(nginx, addresses)
            self._start_database(supervisor, var_dir)
            bootstrap.migrate()
            bootstrap.collect_static()
            login = bootstrap.ensure_superuser()
            try:
                self._start_services(supervisor, nginx, addresses[0], var_dir / "log")
                curl = self._start_devices(supervisor, var_dir / "log") if is_demo else []
            except (CannotStartError, StopRequested):
                if login and login.password:  # generated, and not stored anywhere
                    self._say(f"login: {bootstrap.describe_login(login)}")
                raise
            self._say(bootstrap.ready_message(bootstrap.describe_login(login), curl))
            if health.disk_check() != health.OK:
                self._say(f"uploads paused: disk {health.disk_check()}")
            supervisor.run(lambda: self._prepare_nginx(nginx, addresses))

    def _start_database(self, supervisor: Supervisor, var_dir: Path) -> None:
        if read_text("DATABASE_URL"):
            return
        postgres = EmbeddedPostgres(var_dir, postgres_folder(), var_dir / "log" / "postgres.log")
        if postgres.prepare():
            self._say(f"created a database in {postgres.data}")
        supervisor.start(postgres.spec())
        postgres.wait_until_ready(supervisor.require_running)

    def _start_services(
        self, supervisor: Supervisor, nginx: Path, address: str, log_dir: Path
    ) -> None:
        gunicorns = [servers.gunicorn_spec(service, log_dir) for service in servers.SERVICES]
        supervisor.start(*gunicorns)
        servers.wait_for_services(supervisor.require_running)
        supervisor.start(servers.nginx_spec(nginx, log_dir))
        servers.wait_until_ready(address, supervisor.require_running)
        supervisor.start(*servers.periodic_specs(log_dir))

    def _prepare_nginx(self, nginx: Path, addresses: list[str]) -> None:
        if bootstrap.ensure_server_certificate():
            self._say("created a server certificate")
        servers.prepare_nginx(nginx, addresses)

    def _start_devices(self, supervisor: Supervisor, log_dir: Path) -> list[str]:
        if missing := demo.unregistered_devices():
            self._say(f"{', '.join(missing)} register ...")
            demo.register_devices(missing)
        supervisor.start(*(demo.device_spec(name, log_dir) for name in demo.DEVICES))
        return demo.curl_lines()

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
