"""The load tool: node runs ``load/*.mjs`` with autocannon, one job in, one result out."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.processes import CannotMeasure

FOLDER = Path(__file__).parent
SCRIPTS = FOLDER / "load"
_INSTALLED = FOLDER / "node_modules" / ".package-lock.json"


@dataclass(frozen=True)
class UploadJob:
    """What ``upload.mjs`` is to send.

    ``limit`` files from number ``start`` of the corpus on (from its end on to its beginning),
    each between ``head`` and ``tail``, for at most ``seconds`` after the warm-up; one connection
    for each of ``devices``.
    """

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
    timeout_seconds: int = 60


@dataclass(frozen=True)
class RegisterJob:
    """What ``register.mjs`` is to send: each of ``devices`` has ``cert``, ``key`` and ``psk``."""

    url: str
    devices: list[dict[str, str]]
    connections: int


@dataclass(frozen=True)
class LoadResult:
    """What came of a job; ``counted`` files were acknowledged in ``seconds``."""

    sent: int
    acknowledged: int
    counted: int
    seconds: float
    statuses: dict[str, int]
    errors: int

    @property
    def rate(self) -> float:
        """Return acknowledged files a second."""
        return self.counted / self.seconds if self.seconds > 0 else 0.0


def install() -> None:
    """Install autocannon as package-lock.json pins it, unless that has been done."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise CannotMeasure("node and npm are needed: the load tool is autocannon")
    lock = FOLDER / "package-lock.json"
    if _INSTALLED.exists() and _INSTALLED.stat().st_mtime >= lock.stat().st_mtime:
        return
    command = [npm, "ci", "--ignore-scripts", "--loglevel=error"]
    run = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        lines = [line for line in (run.stderr or run.stdout).splitlines() if line.strip()]
        raise CannotMeasure(f"npm ci failed: {lines[-1] if lines else 'no reason given'}")
    _INSTALLED.touch()


def upload(job: UploadJob) -> LoadResult:
    """Send files; raise ``CannotMeasure`` when the tool itself fails."""
    return _run("upload.mjs", job)


def register(job: RegisterJob) -> LoadResult:
    """Register certificates; raise ``CannotMeasure`` when the tool itself fails."""
    return _run("register.mjs", job)


def _run(script: str, job: UploadJob | RegisterJob) -> LoadResult:
    run = subprocess.run(
        ["node", str(SCRIPTS / script)],
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if run.returncode != 0:
        lines = [line for line in run.stderr.splitlines() if "Error" in line] or ["no reason given"]
        raise CannotMeasure(f"{script}: {lines[0]}")
    return LoadResult(**json.loads(run.stdout))


def versions() -> dict[str, str]:
    """Return the versions of node and autocannon."""
    run = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    autocannon = lock["packages"]["node_modules/autocannon"]["version"]
    return {"node": run.stdout.strip().lstrip("v"), "autocannon": autocannon}
