"""Dockerfile and compose.yaml, as far as they can be checked without a container engine."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from device_endpoint.env import PROJECT_DIR
from tests.support.programs import run_program
from tests.support.stack import Stack, clean_environment

DOCKERFILE = (PROJECT_DIR / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT_DIR / "compose.yaml").read_text())
SETTINGS = set(
    re.findall(
        r"^\| `([A-Z_]+)` \|",
        (PROJECT_DIR / "docs/reference/settings.md").read_text(),
        re.MULTILINE,
    )
)
OWN = {name: service for name, service in COMPOSE["services"].items() if "build" in service}


def test_copied_files_exist_and_are_not_ignored() -> None:
    let_in = (PROJECT_DIR / ".dockerignore").read_text().split("!")[1:]
    allowed = {line.split()[0] for line in let_in}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    for source in " ".join(copied).split():
        assert (PROJECT_DIR / source).exists(), source
        assert source.partition("/")[0] in allowed, source


def test_every_package_of_the_program_is_copied() -> None:
    needed = {
        path.parent.name
        for path in PROJECT_DIR.glob("*/__init__.py")
        if path.parent.name not in ("tests", "benchmarks")
    }
    for name in needed | {"client", "nginx", "templates"}:
        assert f"COPY {name} {name}\n" in DOCKERFILE


def test_the_image_has_an_unprivileged_user_and_a_health_check() -> None:
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001$", last_stage, re.MULTILINE)
    assert "HEALTHCHECK" in last_stage
    assert "--require-hashes" in DOCKERFILE


def test_settings_of_image_and_services_exist() -> None:
    of_image = set(re.findall(r"([A-Z_]+)=/", DOCKERFILE)) - {"PATH"}
    assert of_image <= SETTINGS
    for service in OWN.values():
        assert {name.removesuffix("_FILE") for name in service["environment"]} <= SETTINGS


def test_containers_have_no_unneeded_rights() -> None:
    for name, service in COMPOSE["services"].items():
        if name == "db":
            continue
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        assert service["security_opt"] == ["no-new-privileges:true"]
    uid = re.findall(r"--uid (\d+)", DOCKERFILE)[0]
    assert COMPOSE["services"]["nginx"]["user"].startswith(f"{uid}:")


def test_nginx_has_no_secret_of_the_application() -> None:
    nginx = COMPOSE["services"]["nginx"]
    assert "secrets" not in nginx
    assert "environment" not in nginx
    assert not any(volume.startswith("state") for volume in nginx["volumes"])
    for service in OWN.values():
        assert service["environment"]["SECRET_KEY_FILE"] == "/run/secrets/secret_key"
        assert "secret_key" in service["secrets"]


def test_the_dependencies_of_a_service_can_be_satisfied() -> None:
    services = COMPOSE["services"]
    for service in services.values():
        for needed, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in services[needed] or "build" in services[needed]
        for volume in service["volumes"]:
            assert volume.partition(":")[0] in COMPOSE["volumes"]
        for secret in service.get("secrets", []):
            assert secret in COMPOSE["secrets"]


def test_the_commands_of_the_services_exist() -> None:
    script = "\n".join(
        " ".join(service["command"]) for service in OWN.values() if "command" in service
    )
    assert {"migrate", "compact", "monitor_devices"} <= set(re.findall(r"manage\.py (\w+)", script))
    for command, option in re.findall(r"manage\.py (\w+).*?(--[a-z-]+)", script):
        environment = clean_environment(
            VAR_DIR="/nonexistent", SECRET_KEY="s" * 40, PROXY_SECRET="p" * 40
        )
        run = run_program("manage.py", command, "--help", environment=environment)
        assert run.returncode == 0, run.stderr
        assert option in run.stdout


def _image(folder: Path) -> Path:
    """Return a folder with what the Dockerfile copies, and nothing else."""
    for sources, target in re.findall(
        r"^COPY (?!--from|requirements)(.+) (\S+)$", DOCKERFILE, re.M
    ):
        for source in sources.split():
            if (PROJECT_DIR / source).is_dir():
                shutil.copytree(PROJECT_DIR / source, folder / target)
            else:
                shutil.copy(PROJECT_DIR / source, folder / target)
    return folder


@pytest.mark.parametrize(
    ("service", "command"),
    [
        ("device", ["-m", "gunicorn", "--config", "device_endpoint/gunicorn_conf.py"]),
        ("staff", ["-m", "gunicorn", "--config", "device_endpoint/gunicorn_conf.py"]),
        ("staff", ["manage.py", "migrate", "--check"]),
        ("staff", ["manage.py", "render_nginx", "--copy-certificate"]),
    ],
)
def test_the_copied_files_suffice(
    stack: Stack, tmp_path: Path, service: str, command: list[str]
) -> None:
    (tmp_path / "image").mkdir()
    run = run_program(
        *(*command, *(["--check-config"] if "gunicorn" in command else [])),
        folder=_image(tmp_path / "image"),
        environment=clean_environment(
            VAR_DIR=str(tmp_path / "state"),
            RUN_DIR=str(tmp_path / "run"),
            NGINX_DIR=str(tmp_path / "nginx"),
            SERVICE=service,
            DATABASE_URL=stack.environment["DATABASE_URL"],
        ),
    )
    assert run.returncode == 0, run.stderr


def test_nginx_needs_no_folder_of_the_program(stack: Stack, tmp_path: Path) -> None:
    run = run_program(
        *("manage.py", "render_nginx", "--copy-certificate"),
        environment=clean_environment(
            VAR_DIR=str(tmp_path / "state"),
            LOG_DIR=str(tmp_path / "nginx"),
            RUN_DIR=str(tmp_path / "run"),
            NGINX_DIR=str(tmp_path / "nginx"),
            DATABASE_URL=stack.environment["DATABASE_URL"],
        ),
    )
    assert run.returncode == 0, run.stderr
    files = list((tmp_path / "nginx").iterdir())
    assert {"server.crt", "server.key", "nginx.conf"} <= {file.name for file in files}
    assert not any(str(tmp_path / "state") in file.read_text() for file in files)
    assert {file.stat().st_mode & 0o077 for file in files} == {0}


def _health(**environment: str) -> tuple[int, str]:
    program = ("-m", "device_endpoint.local_probe")
    run = run_program(*program, environment=clean_environment(**environment))
    return run.returncode, run.stderr


@pytest.mark.parametrize("service", ["device", "staff"])
def test_the_health_check_detects_a_stopped_service(
    stack: Stack, tmp_path: Path, service: str
) -> None:
    log = stack.var_dir / "log" / f"{service}.log"
    before = log.read_text()
    assert _health(VAR_DIR=str(stack.var_dir), SERVICE=service) == (0, "")
    assert "ERROR" not in log.read_text().removeprefix(before)
    assert _health(RUN_DIR=str(tmp_path), SERVICE=service) == (1, "")
