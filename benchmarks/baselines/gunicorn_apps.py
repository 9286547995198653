"""Baselines that are WSGI applications, run by gunicorn with the product's configuration."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.baselines import BARE, COPY, FLOOR, ORM, applications
from benchmarks.baselines.behind_nginx import Baseline
from benchmarks.cluster import Cluster
from benchmarks.targets import DURABLE
from benchmarks.workspace import CannotMeasure
from device_endpoint.env import PROJECT_DIR, child_environment
from device_endpoint.supervisor.process import ProgramSpec


@dataclass(kw_only=True)
class GunicornBaseline(Baseline):
    """A WSGI application with a database of its own in the cluster.

    ``schema`` creates the tables, or Django does where ``django_settings`` is set; ``count`` is
    the statement that counts what is stored.
    """

    application: str
    count: str = ""
    schema: Sequence[str] = ()
    django_settings: str = ""

    def start(self) -> None:
        folder, sockets = self.make_folders()
        environment = {
            "SERVICE": "device",
            "VAR_DIR": str(folder),  # keeps its metrics apart from the product's
            "GUNICORN_BIND": f"unix:{sockets / 'device.sock'}",
            "DATABASE_URL": self.cluster.workspace.database_url(self.slug),
        }
        if self.django_settings:
            environment["DJANGO_SETTINGS_MODULE"] = self.django_settings
        self._create_database(environment)
        config = str(PROJECT_DIR / "device_endpoint" / "gunicorn_conf.py")
        spec = ProgramSpec(
            name=f"gunicorn of {self.name}",
            arguments=[sys.executable, "-m", "gunicorn", "--config", config, self.application],
            log=self.cluster.workspace.log(folder.name),
            environment=environment,
        )
        self.start_program(spec, (sockets / "device.sock").exists)
        self.start_nginx(folder, sockets)

    def _create_database(self, environment: dict[str, str]) -> None:
        if not self.count:
            return
        self.cluster.execute("postgres", f"CREATE DATABASE {self.slug}")
        self.cluster.execute(self.slug, *self.schema)
        if self.django_settings:
            command = [sys.executable, "-m", "django", "migrate", "--run-syncdb", "--verbosity=0"]
            run = subprocess.run(
                command,
                env=child_environment({**environment, "PYTHONPATH": str(PROJECT_DIR)}),
                capture_output=True,
                text=True,
                check=False,
            )
            if run.returncode != 0:
                raise CannotMeasure(f"{self.name}: {run.stderr.strip().splitlines()[-1]}")

    def count_stored(self) -> int:
        return self.cluster.query_number(self.slug, self.count) if self.count else 0


def bare_app(cluster: Cluster) -> GunicornBaseline:
    return GunicornBaseline(
        cluster=cluster,
        name=BARE,
        durability="none: the body is read and dropped",
        counts="nothing",
        uses_cluster=False,
        application=f"{applications.__name__}:bare_app",
    )


def floor(cluster: Cluster) -> GunicornBaseline:
    return GunicornBaseline(
        cluster=cluster,
        name=FLOOR,
        durability=f"{DURABLE} (a digest of the body, not the body)",
        counts="files",
        application=f"{applications.__name__}:durable_insert",
        count="SELECT count(*) FROM digests",
        schema=applications.DIGESTS_SCHEMA,
    )


def copied_rows(cluster: Cluster) -> GunicornBaseline:
    return GunicornBaseline(
        cluster=cluster,
        name=COPY,
        durability=f"{DURABLE} (no original file, no receipt)",
        application=f"{applications.__name__}:copy_rows",
        count="SELECT count(*) FROM samples",
        schema=applications.ROWS_SCHEMA,
    )


def orm_rows(cluster: Cluster) -> GunicornBaseline:
    return GunicornBaseline(
        cluster=cluster,
        name=ORM,
        durability=f"{DURABLE} (a receipt, no original file)",
        application="django.core.wsgi:get_wsgi_application()",
        count="SELECT count(*) FROM orm_sample",
        django_settings="benchmarks.baselines.orm.settings",
    )
