"""Baselines that are time series databases, installed from the distribution."""

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

from benchmarks.baselines import INFLUX, VICTORIA
from benchmarks.baselines.behind_nginx import Baseline
from benchmarks.cluster import Cluster
from benchmarks.targets import UploadFormat
from benchmarks.workspace import CannotMeasure, NotInstalled, free_port
from device_endpoint.supervisor.process import ProgramSpec


@dataclass(kw_only=True)
class StoreBaseline(Baseline):
    """A server that imports files over HTTP, at the path and query ``rewrite``.

    ``command`` returns its arguments, given its folder and port.
    """

    rewrite: str
    corpus: Literal["csv", "lines"]
    uses_cluster: bool = False
    command: Callable[[Path, int], list[str]]
    count: Callable[[int], int]
    health: str
    prepare: Callable[[int], None] | None = None
    backend_port: int = field(default_factory=free_port)

    def start(self) -> None:
        folder, sockets = self.make_folders()
        arguments = self.command(folder, self.backend_port)
        spec = ProgramSpec(self.name, arguments, folder / "server.log")
        self.start_program(spec, self._is_healthy)
        if self.prepare:
            self.prepare(self.backend_port)
        backend = f"127.0.0.1:{self.backend_port}"
        self.start_nginx(folder, sockets, backend=backend, rewrite=self.rewrite)

    def _is_healthy(self) -> bool:
        try:
            return _request(self.backend_port, "GET", self.health)[0] < 300
        except (OSError, HTTPException):
            return False

    def upload_format(self, series: str) -> UploadFormat:
        return UploadFormat(content_type="text/plain", corpus=self.corpus)

    def count_stored(self) -> int:
        return self.count(self.backend_port)


def _request(port: int, method: str, path: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _find_binary(program: str, package: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise NotInstalled(f"{program} is not installed (apt install {package})")
    return path


def package_version(package: str) -> str:
    """Return the version of a Debian package: Debian's builds report none themselves."""
    if shutil.which("dpkg-query") is None:
        return "unknown"
    command = ["dpkg-query", "-W", "-f=${Version}", package]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return output if output[:1].isdigit() else "not installed"


def victoria_metrics(cluster: Cluster) -> StoreBaseline:
    """Return VictoriaMetrics; raise ``NotInstalled`` where it is missing."""
    binary = _find_binary("victoria-metrics", "victoria-metrics")
    columns = "1:time:unix_ms,2:metric:hr"
    return StoreBaseline(
        cluster=cluster,
        name=VICTORIA,
        durability="in memory; on disk within seconds, without fsync",
        # The certificate identifies the series, as in the product.
        rewrite=f"/api/v1/import/csv?format={columns}&extra_label=device=$ssl_client_fingerprint",
        corpus="csv",
        command=lambda folder, port: [
            binary,
            f"-storageDataPath={folder / 'data'}",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-retentionPeriod=100y",  # by default older samples are dropped silently
            "-loggerLevel=ERROR",
        ],
        count=_count_in_victoria_metrics,
        health="/health",
    )


def _count_in_victoria_metrics(port: int) -> int:
    _request(port, "GET", "/internal/force_flush")
    query = urlencode({"query": 'sum(count_over_time({__name__="hr"}[50y]))'})
    status, body = _request(port, "GET", f"/api/v1/query?{query}")
    if status != 200:
        raise CannotMeasure(f"VictoriaMetrics does not count: {body[:200]!r}")
    result = json.loads(body)["data"]["result"]
    return int(result[0]["value"][1]) if result else 0


def influxdb(cluster: Cluster) -> StoreBaseline:
    """Return InfluxDB 1; raise ``NotInstalled`` where it is missing."""
    binary = _find_binary("influxd", "influxdb")

    def command(folder: Path, port: int) -> list[str]:
        config = folder / "influxdb.conf"
        config.write_text(_INFLUXDB_CONFIG.format(folder=folder, port=port, rpc=free_port()))
        return [binary, "run", "-config", str(config)]

    def prepare(port: int) -> None:
        _request(port, "POST", "/query?" + urlencode({"q": "CREATE DATABASE bench"}))

    return StoreBaseline(
        cluster=cluster,
        name=INFLUX,
        durability="write-ahead log with fsync: survives the loss of power",
        rewrite="/write?db=bench&precision=ms",
        corpus="lines",
        command=command,
        count=_count_in_influxdb,
        health="/ping",
        prepare=prepare,
    )


_INFLUXDB_CONFIG = """
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
    status, body = _request(port, "GET", f"/query?{query}")
    if status != 200:
        raise CannotMeasure(f"InfluxDB does not count: {body[:200]!r}")
    return sum(
        int(series["values"][0][1]) for series in json.loads(body)["results"][0].get("series", [])
    )
