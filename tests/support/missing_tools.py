"""Programs that some tests need beside Python's packages: whether this machine has them."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

from tests.deployment.compose_by_podman import missing_images

DEBIAN_NGINX = Path("/usr/sbin/nginx")
DEBIAN_POSTGRES = Path("/usr/lib/postgresql/15/bin")


def missing_tools() -> dict[str, str]:
    """Return, for each mark whose tests cannot run here, what is missing for them."""
    found = {}
    if chromium() is None:
        found["browser"] = "Chromium (apt install chromium)"
    debian = {
        "nginx (apt install nginx-light)": DEBIAN_NGINX.exists(),
        "PostgreSQL 15 (apt install postgresql-15)": DEBIAN_POSTGRES.exists(),
        "curl": shutil.which("curl"),
        "openssl": shutil.which("openssl"),
        "ip (apt install iproute2)": shutil.which("ip"),
    }
    if absent := [name for name, path in debian.items() if not path]:
        found["debian"] = ", ".join(absent)
    if absent := missing_images():
        found["containers"] = ", ".join(absent)
    lake = {
        "DuckDB (pip install duckdb)": find_spec("duckdb"),
        "Polars (pip install polars)": find_spec("polars"),
        "PySpark (pip install pyspark)": find_spec("pyspark"),
        "Java (apt install default-jre-headless)": shutil.which("java"),
    }
    if absent := [name for name, found_at in lake.items() if not found_at]:
        found["lake"] = ", ".join(absent)
    recipes = {
        "Node (apt install nodejs)": shutil.which("node"),
        "a C compiler (apt install gcc libc6-dev)": shutil.which("gcc"),
        "libcurl's headers (apt install libcurl4-openssl-dev)": _has_header("curl/curl.h"),
        "mbed TLS's headers (apt install libmbedtls-dev)": _has_header("mbedtls/x509_crt.h"),
        "openssl": shutil.which("openssl"),
    }
    if absent := [name for name, path in recipes.items() if not path]:
        found["recipes"] = ", ".join(absent)
    return found


def _has_header(name: str) -> bool:
    folders = [Path("/usr/include"), *Path("/usr/include").glob("*-linux-gnu*")]
    return any((folder / name).exists() for folder in folders)


def chromium() -> str | None:
    """Return the path of Debian's Chromium, or None."""
    return shutil.which("chromium")
