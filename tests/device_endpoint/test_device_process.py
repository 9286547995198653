"""The modules and apps that the processes load: the device API, the staff site, commands."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from device_endpoint.env import PROJECT_DIR, var_dir
from tests.support.stack import clean_environment

# Load the application as gunicorn does and print what was loaded.
PROBE = """
import json, sys
from django.apps import apps
from django.conf import settings
from device_endpoint import {service}_wsgi
from django.urls import get_resolver
assert callable({service}_wsgi.application)
get_resolver().url_patterns
print(json.dumps({{
    "modules": sorted(sys.modules),
    "apps": sorted(config.name for config in apps.get_app_configs()),
    "templates": ["a template engine" for _ in settings.TEMPLATES],
}}))
"""


# Load what every command loads.
COMMAND_PROBE = """
import json, sys
import django
django.setup()
from django.db.models.signals import post_save
from ingest.models import DeviceCertificate
print(json.dumps({
    "modules": sorted(sys.modules),
    "tracked": ["certificates"] if post_save.has_listeners(DeviceCertificate) else [],
}))
"""


def load_process(service: str) -> dict[str, list[str]]:
    return _run(PROBE.format(service=service))


def _run(probe: str, **environment: str) -> dict[str, list[str]]:
    run = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=PROJECT_DIR,
        env=clean_environment(VAR_DIR=str(var_dir()), **environment),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(run.stdout)
    return found


@pytest.fixture(scope="module")
def device_process() -> dict[str, list[str]]:
    return load_process("device")


def test_the_device_api_has_no_admin_sessions_or_templates(
    device_process: dict[str, list[str]],
) -> None:
    # Django REST framework imports the admin's modules, which do nothing unless installed.
    assert device_process["apps"] == [
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "identities",
        "ingest",
    ]
    assert device_process["templates"] == []


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
def test_the_device_api_does_not_import(device_process: dict[str, list[str]], module: str) -> None:
    assert module not in device_process["modules"]


def test_the_device_api_imports_few_packages(device_process: dict[str, list[str]]) -> None:
    packages = {name.partition(".")[0] for name in device_process["modules"]}
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


def test_the_staff_site_does_not_import_the_device_api() -> None:
    assert not {"device_endpoint.device_urls", "ingest.api.views"} & set(
        load_process("staff")["modules"]
    )


def test_a_command_loads_no_pages_but_audits_its_changes() -> None:
    found = _run(COMMAND_PROBE, DJANGO_SETTINGS_MODULE="device_endpoint.settings.staff")
    # They cost each command half a second.
    pages = ("analysis.admin", "ingest.admin", "identities.admin", "numpy", "pyarrow")
    assert [module for module in pages if module in found["modules"]] == []
    assert found["tracked"] == ["certificates"]
