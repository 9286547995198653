"""References that are time series databases from the distribution, behind the product's nginx."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

from benchmarks import processes
from benchmarks.baselines import nginx
from benchmarks.processes import CannotMeasure, NotInstalled
from benchmarks.target import Form, Keeps
from benchmarks.workspace import Place, free_ports, sockets_of
from device_endpoint.supervisor.process import Program, ProgramSpec


@dataclass
class StoreReference:
    """A server with an import over HTTP; ``rewrite`` is the address it wants a file at."""

    place: Place
    name: str
    durability: str
    rewrite: str
    corpus: Literal["csv", "lines"]
    command: Callable[[Path, int], tuple[list[str], dict[str, str]]]
    count: Callable[[int], int]
    health: str
    prepare: Callable[[int], None] | None = None
    keeps: Keeps = "samples"
    port: int = field(default_factory=lambda: free_ports(1)[0])
    backend_port: int = field(default_factory=lambda: free_ports(1)[0])
    programs: list[Program] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Return the address that files are POSTed to, nginx's."""
        return f"https://127.0.0.1:{self.port}/device_endpoint"

    def start(self) -> None:
        """Start the server and nginx."""
        folder = self.place.root / self.name.lower()
        folder.mkdir()
        sockets = sockets_of(folder)
        sockets.mkdir(mode=0o700, parents=True)
        arguments, environment = self.command(folder, self.backend_port)
        spec = ProgramSpec(self.name, arguments, folder / "server.log", environment)
        self.programs.append(processes.start(spec, self._answers))
        if self.prepare:
            self.prepare(self.backend_port)
        nginx.write(
            folder / "nginx",
            sockets,
            self.port,
            backend=f"127.0.0.1:{self.backend_port}",
            rewrite=self.rewrite,
        )
        proxy = nginx.spec(folder / "nginx", self.name)
        self.programs.append(processes.start(proxy, (sockets / "nginx.pid").exists))

    def _answers(self) -> bool:
        try:
            return ask(self.backend_port, "GET", self.health)[0] < 300
        except (OSError, HTTPException):
            return False

    def form(self, series: str) -> Form:
        """Return the form of an upload: the file alone."""
        return Form(content_type="text/plain", corpus=self.corpus)

    def stored(self) -> int:
        """Return the samples stored."""
        return self.count(self.backend_port)


def ask(port: int, method: str, path: str) -> tuple[int, bytes]:
    """Return status and body of a plain request to this machine."""
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _version(*command: str) -> str:
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (run.stdout + run.stderr).strip().splitlines()
    return lines[0] if lines else "unknown"


# --- VictoriaMetrics -----------------------------------------------------------------------


def victoria_metrics(place: Place) -> StoreReference:
    """Return VictoriaMetrics; raise ``NotInstalled`` where it is missing."""
    binary = _binary("victoria-metrics", "victoria-metrics")
    columns = "1:time:unix_ms,2:metric:hr"
    return StoreReference(
        place=place,
        name="VictoriaMetrics",
        durability="in memory; on disk within seconds, without fsync",
        # The certificate makes the series, as it does with us.
        rewrite=f"/api/v1/import/csv?format={columns}&extra_label=device=$ssl_client_fingerprint",
        corpus="csv",
        command=lambda folder, port: (
            [
                binary,
                f"-storageDataPath={folder / 'data'}",
                f"-httpListenAddr=127.0.0.1:{port}",
                "-retentionPeriod=100y",  # else samples of last month are dropped silently
                "-loggerLevel=ERROR",
            ],
            {},
        ),
        count=_count_in_victoria_metrics,
        health="/health",
    )


def _count_in_victoria_metrics(port: int) -> int:
    ask(port, "GET", "/internal/force_flush")
    query = urlencode({"query": 'sum(count_over_time({__name__="hr"}[50y]))'})
    status, body = ask(port, "GET", f"/api/v1/query?{query}")
    if status != 200:
        raise CannotMeasure(f"VictoriaMetrics does not count: {body[:200]!r}")
    found = json.loads(body)["data"]["result"]
    return int(found[0]["value"][1]) if found else 0


def victoria_metrics_version() -> str:
    """Return the version of the installed VictoriaMetrics, or say that there is none."""
    return _package_version("victoria-metrics")


# --- InfluxDB ------------------------------------------------------------------------------


def influxdb(place: Place) -> StoreReference:
    """Return InfluxDB 1; raise ``NotInstalled`` where it is missing."""
    binary = _binary("influxd", "influxdb")

    def command(folder: Path, port: int) -> tuple[list[str], dict[str, str]]:
        config = folder / "influxdb.conf"
        config.write_text(_INFLUXDB.format(folder=folder, port=port, rpc=free_ports(1)[0]))
        return [binary, "run", "-config", str(config)], {}

    def prepare(port: int) -> None:
        ask(port, "POST", "/query?" + urlencode({"q": "CREATE DATABASE bench"}))

    return StoreReference(
        place=place,
        name="InfluxDB",
        durability="write-ahead log with fsync: survives the loss of power",
        rewrite="/write?db=bench&precision=ms",
        corpus="lines",
        command=command,
        count=_count_in_influxdb,
        health="/ping",
        prepare=prepare,
    )


_INFLUXDB = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  wal-fsync-delay = "0s"
  query-log-enabled = false
[coordinator]
  write-timeout = "60s"
[http]
  bind-address = "127.0.0.1:{port}"
  max-body-size = 0
  log-enabled = false
[monitor]
  store-enabled = false
[logging]
  level = "error"
"""


def _count_in_influxdb(port: int) -> int:
    query = urlencode({"db": "bench", "q": "SELECT count(value) FROM /.*/"})
    status, body = ask(port, "GET", f"/query?{query}")
    if status != 200:
        raise CannotMeasure(f"InfluxDB does not count: {body[:200]!r}")
    return sum(
        int(series["values"][0][1]) for series in json.loads(body)["results"][0].get("series", [])
    )


def influxdb_version() -> str:
    """Return the version of the installed InfluxDB, or say that there is none."""
    return _package_version("influxdb")


def _binary(program: str, package: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise NotInstalled(f"{program} is not installed (apt install {package})")
    return found


def _package_version(package: str) -> str:
    # Debian's builds tell no version of their own.
    if shutil.which("dpkg-query") is None:
        return "unknown"
    found = _version("dpkg-query", "-W", "-f=${Version}", package)
    return found if found[:1].isdigit() else "not installed"
