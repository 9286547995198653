"""Runs the commands of docs/how-to/install-on-debian.md as root and prints the results.

``enter`` in test_deploy_page.py starts it. Its first argument is a folder for results, the
others are the ports that replace 8443 and 8444.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

from tests.deployment.systemd_units import LOG, Systemd  # noqa: E402 - the path comes first
from tests.support.devices import Device  # noqa: E402

# A fresh `apt install postgresql-15` makes this cluster; no TCP port, since others may use it.
FRESH_CLUSTER = """
rm -rf /var/lib/postgresql/15 /etc/postgresql/15 /run/postgresql /run/device-endpoint
install -d -o postgres -g postgres /run/postgresql /var/lib/postgresql/15 /etc/postgresql/15
pg_createcluster 15 main --port=5432 --locale=C.UTF-8 -o listen_addresses= \\
  -o unix_socket_directories=/run/postgresql
pg_ctlcluster 15 main start
"""
PRELUDE = """
set -eu -o pipefail
systemctl() { echo "systemctl $*" >&"$REQUESTS"; read -r reply <&"$REPLIES"; [ "$reply" = done ]; }
heading() { echo "heading $*" >&"$REQUESTS"; read -r reply <&"$REPLIES"; }
"""


def blocks(page: str) -> list[tuple[str, str]]:
    """Return the commands of the page, each with its heading."""
    found = re.findall(r"^## ([^\n]+)$|^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    heading, result = "", []
    for title, code in found:
        heading = title or heading
        if code:
            result.append((heading, code))
    return result


def script(page: str, device_port: str, staff_port: str) -> str:
    """Return the page's commands as one script, for these ports and without prompts."""
    parts = [PRELUDE]
    by_heading: dict[str, str] = {}
    for heading, code in blocks(page):
        by_heading[heading] = by_heading.get(heading, "") + code
        if heading.startswith("Upgrade"):
            # As the page says: the commands of "Program", up to and without the line with `ln`.
            parts.append("sleep 1\n" + by_heading["Program"].partition("ln -sfn")[0])
        parts += [f'heading "{heading}"\n', code]
    text = "".join(parts)
    text = text.replace("createsuperuser ", "createsuperuser --no-input ")
    return text.replace("8443", device_port).replace("8444", staff_port)


# Statements that the role of the running services must not be able to execute.
FORBIDDEN = (
    "DROP TABLE ingest_measurement",
    "ALTER TABLE ingest_measurement DROP COLUMN content",
    "TRUNCATE ingest_sampleblock",
    "TRUNCATE identities_auditevent",
    "DELETE FROM identities_auditevent",
    "UPDATE identities_auditevent SET username = 'nobody'",
    "ALTER TABLE identities_auditevent DISABLE TRIGGER ALL",
    "DROP TRIGGER identities_auditevent_append_only ON identities_auditevent",
    "SET session_replication_role = replica",
    "DROP FUNCTION identities_refuse_audit_change CASCADE",
    "DELETE FROM django_migrations",
    "CREATE TABLE of_my_own ()",
    'SET ROLE "device-endpoint-owner"',
)


def try_forbidden_statements() -> dict[str, str]:
    """Return PostgreSQL's error for each statement of the services' role; "" if it succeeded."""
    as_services = ["runuser", "-u", "device-endpoint", "--", "psql", "--quiet"]
    as_services += ["--set=ON_ERROR_STOP=1", "--dbname=device_endpoint", "--command"]
    return {
        statement: subprocess.run(
            [*as_services, f"BEGIN; {statement}; ROLLBACK"],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        ).stderr
        for statement in FORBIDDEN
    }


class Devices:
    """A device that uploads continuously after ``start``, with one connection per request."""

    def __init__(self, folder: Path, port: str) -> None:
        self.statuses: Counter[str] = Counter()
        ca_file = Path("/etc/device-endpoint/tls/server.crt")
        url = f"https://localhost:{port}/device_endpoint"
        self._device = Device(url, ca_file, folder / "device")
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def start(self) -> None:
        """Register the device and start uploading."""
        run = subprocess.run(
            ["device-endpoint", "issue_psk", "busy", "--create", "--json"],
            check=True,
            capture_output=True,
        )
        assert self._device.register(json.loads(run.stdout)["psk"]).status_code == 200
        self._thread.start()

    def stop(self) -> None:
        """Stop, and wait for the last response."""
        self._ending.set()
        self._thread.join()
        self._device.close()

    def _send(self) -> None:
        for second in range(1_560_279_835, 1_660_279_835):
            if self._ending.is_set():
                return
            try:
                answer = self._device.upload(("pulse", None, f"{second}000,60\n".encode()))
                self.statuses[str(answer.status_code)] += 1
            except OSError as error:
                self.statuses[type(error).__name__] += 1


def main() -> None:
    """Run the commands of the page and write ``result.json``."""
    folder, device_port, staff_port = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    page = (PROJECT / "docs/how-to/install-on-debian.md").read_text()
    # Not in the page's shell: the server would keep its pipes open.
    subprocess.run(["bash", "-euc", FRESH_CLUSTER], check=True, stdin=subprocess.DEVNULL)
    systemd = Systemd()
    devices: Devices | None = None
    requests_read, requests_write = os.pipe()
    replies_read, replies_write = os.pipe()
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        "DJANGO_SUPERUSER_PASSWORD": "a password for the tests only",
        "REQUESTS": str(requests_write),
        "REPLIES": str(replies_read),
    }
    with (folder / "output").open("wb") as output:
        shell = subprocess.Popen(
            ["bash", "-c", script(page, device_port, staff_port)],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(requests_write, replies_read),
        )
        os.close(requests_write)
        os.close(replies_read)
        with os.fdopen(requests_read) as requests, os.fdopen(replies_write, "w") as replies:
            for line in requests:
                verb, _, rest = line.strip().partition(" ")
                if verb == "systemctl":
                    systemd.systemctl(*rest.split())
                elif rest.startswith("Upgrade"):
                    devices = Devices(folder, device_port)
                    devices.start()
                replies.write("done\n")
                replies.flush()
        code = shell.wait()
    if devices is not None:
        devices.stop()
    checks = subprocess.run(
        [
            "systemd-analyze",
            "verify",
            *map(str, Path("/etc/systemd/system").glob("device-endpoint*")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    forbidden = try_forbidden_statements()
    systemd.stop_all()
    log = Path("/var/log/device-endpoint/access.log")
    result = {
        "code": code,
        "statuses": dict(devices.statuses) if devices else {},
        "verify": checks.stderr,
        "forbidden": forbidden,
        "access": log.read_text().splitlines() if log.exists() else [],
        "units": LOG.read_text() if LOG.exists() else "",
    }
    (folder / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
