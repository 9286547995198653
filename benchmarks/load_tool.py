"""The load tool: node and autocannon run ``load/*.mjs`` with one job and return one result."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

from benchmarks.workspace import CannotMeasure

FOLDER = Path(__file__).parent
SCRIPTS = FOLDER / "load"
_INSTALLED = FOLDER / "node_modules" / ".package-lock.json"


@dataclass(frozen=True)
class UploadJob:
    """An upload of ``limit`` files of ``corpus``, from number ``start`` on, wrapping at its end.

    Each file is framed by ``head`` and ``tail``. Sending ends ``seconds`` after the warm-up at
    the latest. Each device has one connection. ``rate`` bounds the files a second, all together.
    """

    script: ClassVar[str] = "upload.mjs"
    url: str
    devices: list[dict[str, str]]
    corpus: str
    start: int
    limit: int
    head: str
    tail: str
    content_type: str
    handshake_each: bool
    seconds: float
    warm_up_seconds: float
    rate: int | None = None
    timeout_seconds: int = 60


@dataclass(frozen=True)
class RegisterJob:
    """The registration of ``devices``, each with ``cert``, ``key`` and ``psk``."""

    script: ClassVar[str] = "register.mjs"
    url: str
    devices: list[dict[str, str]]
    connections: int


@dataclass(frozen=True)
class LoadResult:
    """The result of a job; ``counted`` files were acknowledged in ``seconds``.

    ``p99_ms`` is the 99th percentile of the times of responses, where they were kept alive.
    """

    sent: int
    acknowledged: int
    counted: int
    seconds: float
    statuses: dict[str, int]
    errors: int
    p99_ms: float | None = None

    @property
    def rate(self) -> float:
        return self.counted / self.seconds if self.seconds > 0 else 0.0


def install() -> None:
    """Install autocannon as pinned in package-lock.json, unless it is installed."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise CannotMeasure("node and npm are needed: the load tool is autocannon")
    lock = FOLDER / "package-lock.json"
    if _INSTALLED.exists() and _INSTALLED.stat().st_mtime >= lock.stat().st_mtime:
        return
    command = [npm, "ci", "--ignore-scripts", "--loglevel=error"]
    process = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    if process.returncode != 0:
        lines = [line for line in (process.stderr or process.stdout).splitlines() if line.strip()]
        raise CannotMeasure(f"npm ci failed: {lines[-1] if lines else 'no reason given'}")
    _INSTALLED.touch()


def run(job: UploadJob | RegisterJob) -> LoadResult:
    """Run a job; raise ``CannotMeasure`` if the tool itself fails."""
    process = subprocess.run(
        ["node", str(SCRIPTS / job.script)],
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if process.returncode != 0:
        lines = [line for line in process.stderr.splitlines() if "Error" in line]
        raise CannotMeasure(f"{job.script}: {lines[0] if lines else 'no reason given'}")
    return LoadResult(**json.loads(process.stdout))


def versions() -> dict[str, str]:
    process = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    autocannon = lock["packages"]["node_modules/autocannon"]["version"]
    return {"node": process.stdout.strip().lstrip("v"), "autocannon": autocannon}
