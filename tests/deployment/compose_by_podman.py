"""Runs ``compose.yaml`` by podman alone, which Debian has; a container engine needs no daemon.

Health checks run from here, because podman leaves them to systemd, which containers of a test
have not.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from device_endpoint.env import PROJECT_DIR

COMPOSE_FILE = PROJECT_DIR / "compose.yaml"
# Without systemd and with the limits of a container of its own, podman needs both.
_ENGINE = ["podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs"]
_LIMITS = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
HEALTHY_SECONDS = 300.0


def base_images() -> list[str]:
    """Return the images that the Dockerfile and compose.yaml take from elsewhere."""
    dockerfile = re.findall(r"^FROM (\S+)", (PROJECT_DIR / "Dockerfile").read_text(), re.M)
    services = yaml.safe_load(COMPOSE_FILE.read_text())["services"].values()
    return sorted({*dockerfile, *(x["image"] for x in services if "build" not in x)})


def missing_images() -> list[str]:
    """Return what is missing to run the containers: podman, or an image."""
    if not (shutil.which("podman") and shutil.which("runc")):
        return ["podman and runc (apt install podman runc)"]
    listed = subprocess.run(
        ["podman", "images", "--format", "{{.Repository}}:{{.Tag}}"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    present = listed.stdout.split()
    needed = [*base_images(), "device-endpoint:latest"]
    return [
        f"the image {name}"
        for name in needed
        if not any(image.endswith(f"/{name}") for image in present)
    ]


class Project:
    """The services of ``compose.yaml``, with the settings of ``environment``."""

    def __init__(self, name: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.name, self.folder = name, folder
        text = _interpolate(COMPOSE_FILE.read_text(), environment)
        document = yaml.safe_load(text)
        self.services: dict[str, dict[str, Any]] = document["services"]
        self.secrets: dict[str, dict[str, str]] = document["secrets"]
        self.volumes = list(document["volumes"])

    def up(self, image: str = "") -> None:
        """Start all services in the order of their conditions; ``image`` replaces the program's."""
        podman("network", "create", self.name)
        for service in self._in_order():
            self._start(service, image)
            if service == "prepare":
                status = podman("wait", self._container(service)).strip()
                assert status == "0", podman("logs", self._container(service))
            elif self._is_waited_for(service):
                self.wait_until_healthy(service)

    def replace_program(self, image: str) -> None:
        """Replace all containers but the database's by those of another image, as an upgrade."""
        for service in reversed(self._in_order()):
            if service != "db":
                podman("rm", "--force", "--time", "30", self._container(service))
        for service in self._in_order():
            if service != "db":
                self._start(service, image)
                if service == "prepare":
                    assert podman("wait", self._container(service)).strip() == "0"
                elif self._is_waited_for(service):
                    self.wait_until_healthy(service)

    def execute(self, service: str, *command: str, may_fail: bool = False) -> str:
        return podman("exec", self._container(service), *command, may_fail=may_fail)

    def inspect(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(podman("inspect", self._container(service)))[0]
        return found

    def down(self) -> None:
        """Remove containers, volumes and network."""
        for service in reversed(self._in_order()):
            podman("rm", "--force", "--time", "5", self._container(service), may_fail=True)
        for volume in self.volumes:
            podman("volume", "rm", "--force", f"{self.name}_{volume}", may_fail=True)
        podman("network", "rm", "--force", self.name, may_fail=True)

    def logs(self) -> str:
        tail = ("logs", "--tail", "20")
        logs = {x: podman(*tail, self._container(x), may_fail=True) for x in self.services}
        return "\n".join(f"--- {service}\n{log}" for service, log in logs.items())

    def _container(self, service: str) -> str:
        return f"{self.name}-{service}"

    def _in_order(self) -> list[str]:
        ordered: list[str] = []
        while len(ordered) < len(self.services):
            for name, service in self.services.items():
                if name not in ordered and set(service.get("depends_on", {})) <= set(ordered):
                    ordered.append(name)
        return ordered

    def _is_waited_for(self, service: str) -> bool:
        conditions = [other.get("depends_on", {}) for other in self.services.values()]
        return any(
            each.get(service, {}).get("condition") == "service_healthy" for each in conditions
        )

    def _start(self, name: str, image: str) -> None:
        service = self.services[name]
        program = (image or service["image"]) if "build" in service else service["image"]
        podman(
            "run", "--detach", "--name", self._container(name), "--network", self.name,
            "--network-alias", name, *_LIMITS, *self._mounts(service), *_rights(service),
            program, *service.get("command", []),
        )  # fmt: skip

    def _mounts(self, service: dict[str, Any]) -> list[str]:
        """Return the options for what the container sees of the outside."""
        options = [f"--env={key}={value}" for key, value in service.get("environment", {}).items()]
        for secret in service.get("secrets", []):
            path = self.folder / Path(self.secrets[secret]["file"])
            options.append(f"--volume={path}:/run/secrets/{secret}:ro")
        options += [f"--volume={self.name}_{volume}" for volume in service.get("volumes", [])]
        options += [f"--publish={port}" for port in service.get("ports", [])]
        options += [f"--tmpfs={folder}" for folder in service.get("tmpfs", [])]
        return options

    def wait_until_healthy(self, service: str) -> None:
        deadline = time.monotonic() + HEALTHY_SECONDS
        command = [*_ENGINE, "healthcheck", "run", self._container(service)]
        while subprocess.run(command, check=False, capture_output=True).returncode != 0:
            assert time.monotonic() < deadline, self.logs()
            time.sleep(1)


def _rights(service: dict[str, Any]) -> list[str]:
    """Return the options for what the container may do and runs."""
    options = [f"--cap-drop={name}" for name in service.get("cap_drop", [])]
    options += [
        f"--security-opt={option.removesuffix(':true')}"
        for option in service.get("security_opt", [])
    ]
    if service.get("read_only"):
        options += ["--read-only", "--read-only-tmpfs=false"]
    if "user" in service:
        options.append(f"--user={service['user']}")
    if "shm_size" in service:
        options.append(f"--shm-size={service['shm_size'].removesuffix('b')}")
    if "entrypoint" in service:
        options.append(f"--entrypoint={json.dumps(service['entrypoint'])}")
    if check := service.get("healthcheck", {}).get("test"):  # CMD and its words
        options.append(f"--health-cmd={shlex.join(check[1:])}")
    return options


def podman(*arguments: str, may_fail: bool = False) -> str:
    """Run podman and return its output."""
    run = subprocess.run([*_ENGINE, *arguments], capture_output=True, text=True, check=False)
    assert may_fail or run.returncode == 0, (arguments, run.stdout, run.stderr)
    return run.stdout + (run.stderr if arguments[0] == "logs" else "")


def _interpolate(text: str, environment: Mapping[str, str]) -> str:
    """Replace ``${NAME:-default}`` as compose does."""
    return re.sub(
        r"\$\{(\w+):-([^}]*)\}", lambda found: environment.get(found[1]) or found[2], text
    )
