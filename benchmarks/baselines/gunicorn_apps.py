"""References that are WSGI applications: gunicorn configured as the product's, nginx before it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import processes
from benchmarks.baselines import copy_rows, durable_insert, nginx
from benchmarks.cluster import Cluster
from benchmarks.processes import CannotMeasure
from benchmarks.target import Form, Keeps, multipart
from benchmarks.workspace import Place, free_ports, sockets_of
from device_endpoint.env import PROJECT_DIR, child_environment
from device_endpoint.supervisor.process import Program, ProgramSpec

DURABLE = "COMMIT with fsync: survives the loss of power"
ORM_SETTINGS = "benchmarks.baselines.orm.settings"


@dataclass
class GunicornReference:
    """A WSGI application with the product's gunicorn settings, behind the product's nginx.

    It has a database of its own in the product's PostgreSQL, made by ``schema`` or, where
    ``django_settings`` is given, by Django.
    """

    place: Place
    cluster: Cluster
    name: str
    durability: str
    keeps: Keeps
    application: str
    count: str = ""
    schema: Sequence[str] = ()
    django_settings: str = ""
    port: int = field(default_factory=lambda: free_ports(1)[0])
    programs: list[Program] = field(default_factory=list)

    @property
    def database(self) -> str:
        """Return the name of its database."""
        return "reference_" + self.name.replace(" ", "_").lower()

    @property
    def url(self) -> str:
        """Return the address that files are POSTed to."""
        return f"https://127.0.0.1:{self.port}/device_endpoint"

    def start(self) -> None:
        """Make its database and start gunicorn and nginx."""
        folder = self.place.root / self.database
        folder.mkdir()
        sockets = sockets_of(folder)
        sockets.mkdir(mode=0o700, parents=True)
        environment = {
            "SERVICE": "device",
            "VAR_DIR": str(folder),  # its metrics folder would be the product's
            "GUNICORN_BIND": f"unix:{sockets / 'device.sock'}",
            "DATABASE_URL": self.place.database_url(self.database),
        }
        if self.django_settings:
            environment["DJANGO_SETTINGS_MODULE"] = self.django_settings
        self._make_database(environment)
        self._start(self._gunicorn(folder, environment), sockets / "device.sock")
        nginx.write(folder / "nginx", sockets, self.port)
        self._start(nginx.spec(folder / "nginx", self.name), sockets / "nginx.pid")

    def _gunicorn(self, folder: Path, environment: dict[str, str]) -> ProgramSpec:
        config = str(PROJECT_DIR / "device_endpoint" / "gunicorn_conf.py")
        return ProgramSpec(
            name=f"gunicorn of {self.name}",
            arguments=[sys.executable, "-m", "gunicorn", "--config", config, self.application],
            log=self.place.log(folder.name),
            environment=environment,
        )

    def _start(self, spec: ProgramSpec, sign: Path) -> None:
        self.programs.append(processes.start(spec, sign.exists))

    def _make_database(self, environment: dict[str, str]) -> None:
        if not self.count:
            return
        self.cluster.execute("postgres", f"CREATE DATABASE {self.database}")
        if self.schema:
            self.cluster.execute(self.database, *self.schema)
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

    def form(self, series: str) -> Form:
        """Return the form of an upload, the product's."""
        return multipart(series)

    def stored(self) -> int:
        """Return what ``count`` counts."""
        return self.cluster.number(self.database, self.count) if self.count else 0


def bare(place: Place, cluster: Cluster) -> GunicornReference:
    """Return the application that only reads the body."""
    module = "benchmarks.baselines.bare_wsgi:application"
    nothing = "none: the body is read and dropped"
    return GunicornReference(place, cluster, "bare app", nothing, "nothing", module)


def floor_app(place: Place, cluster: Cluster) -> GunicornReference:
    """Return the application with one durable INSERT."""
    return GunicornReference(
        place,
        cluster,
        "floor",
        f"{DURABLE} (a digest of the body, not the body)",
        "files",
        "benchmarks.baselines.durable_insert:application",
        durable_insert.COUNT,
        [durable_insert.TABLE],
    )


def copied_rows(place: Place, cluster: Cluster) -> GunicornReference:
    """Return the application that stores rows by COPY."""
    return GunicornReference(
        place, cluster, "rows by COPY", f"{DURABLE} (no original, no receipt)", "samples",
        "benchmarks.baselines.copy_rows:application", copy_rows.COUNT, copy_rows.TABLES,
    )  # fmt: skip


def orm_rows(place: Place, cluster: Cluster) -> GunicornReference:
    """Return the application that stores rows by Django's ORM."""
    return GunicornReference(
        place, cluster, "DRF and ORM rows", f"{DURABLE} (a receipt, no original)", "samples",
        "benchmarks.baselines.orm.wsgi:application",
        "SELECT count(*) FROM orm_sample", django_settings=ORM_SETTINGS,
    )  # fmt: skip
