"""The device door's process: what it imports, and what it leaves out."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from device_endpoint.env import PROJECT_DIR, var_dir
from tests.support.stack import clean_environment

# Start the application as gunicorn does and say what came with it.
PROBE = """
import json, sys
from django.apps import apps
from django.conf import settings
from device_endpoint import {door}_wsgi
from django.urls import get_resolver
assert callable({door}_wsgi.application)
get_resolver().url_patterns
print(json.dumps({{
    "modules": sorted(sys.modules),
    "apps": sorted(config.name for config in apps.get_app_configs()),
    "templates": ["a template engine" for _ in settings.TEMPLATES],
}}))
"""


def door_process(door: str) -> dict[str, list[str]]:
    run = subprocess.run(
        [sys.executable, "-c", PROBE.format(door=door)],
        cwd=PROJECT_DIR,
        env=clean_environment(VAR_DIR=str(var_dir())),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(run.stdout)
    return found


@pytest.fixture(scope="module")
def device_door() -> dict[str, list[str]]:
    return door_process("device")


def test_the_device_door_has_no_admin_no_sessions_no_templates(
    device_door: dict[str, list[str]],
) -> None:
    # Django REST framework imports the admin's modules; not installed, they do nothing.
    assert device_door["apps"] == [
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "identities",
        "ingest",
    ]
    assert device_door["templates"] == []


@pytest.mark.parametrize(
    "module",
    [
        "device_endpoint.health",
        "device_endpoint.staff_urls",
        "device_endpoint.supervisor",
        "django.contrib.sessions",
        "django.contrib.staticfiles",
        "django_otp",
        "axes",
        "csp",
        "drf_spectacular",
        "identities.admin",
        "ingest.admin",
        "analysis.api",
        "segno",
        "whitenoise",
    ],
)
def test_the_device_door_does_without(device_door: dict[str, list[str]], module: str) -> None:
    assert module not in device_door["modules"]


def test_the_device_door_imports_few_packages(device_door: dict[str, list[str]]) -> None:
    packages = {name.partition(".")[0] for name in device_door["modules"]}
    ours = {"device_endpoint", "identities", "ingest"}
    needed = {"django", "rest_framework", "psycopg", "psycopg_binary", "cryptography", "environ"}
    needed |= {"pyarrow", "numpy", "multipart", "orjson", "prometheus_client"}
    theirs = {"asgiref", "sqlparse", "typing_extensions", "cython_runtime"}
    theirs |= {"sitecustomize"}  # Debian's Python brings one
    # Django REST framework takes these when they are installed.
    theirs |= {"certifi", "charset_normalizer", "idna", "inflection", "pygments", "requests"}
    theirs |= {"uritemplate", "urllib3", "yaml"}
    found = {name for name in packages - set(sys.stdlib_module_names) if name[0] != "_"}
    assert found - ours - needed - theirs == set()


def test_the_staff_door_has_no_device_endpoint() -> None:
    assert not {"device_endpoint.device_urls", "ingest.api.views"} & set(
        door_process("staff")["modules"]
    )
