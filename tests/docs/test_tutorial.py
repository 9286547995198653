"""The tutorial's commands, run as printed in one shell, give the responses that it shows."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from django.contrib.auth.models import User
from django.test import Client

from tests.support.stack import Stack
from tests.support.stored_data import new_psk

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs/tutorial/first-device.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_tutorial_works_as_printed(stack: Stack, live_db: None, tmp_path: Path) -> None:
    identity = f"tutorial-{uuid4()}"
    script = "".join(BLOCKS)
    for printed, actual in {
        "https://localhost:8443": f"https://localhost:{stack.device_port}",
        "var/tls/ca.crt": str(stack.ca_file),
        "var/my-device": str(tmp_path / "my-device"),
        ".venv/bin/python": shlex.quote(sys.executable),
        "ward-3": identity,
    }.items():
        script = script.replace(printed, actual)
    run = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=PROJECT,
        env=stack.environment,
        input=f"{new_psk(identity)}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    answers = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    unknown, registered, again, stored = answers
    assert (unknown["status"], unknown["type"].rpartition(":")[2]) == (403, "certificate_not_bound")
    shown = json.loads(next(re.finditer(r"```json\n(.*?)\n```", PAGE))[1])
    assert list(registered) == list(shown)
    assert (registered["identity"], registered["already_bound"]) == (identity, False)
    assert again == {**registered, "already_bound": True}
    assert [receipt["status"] for receipt in stored["files"]] == ["stored"]
    client = Client()
    client.force_login(User.objects.get(username=stack.superuser_name))
    page = client.get(f"/admin/analysis/overview/{identity}/").content.decode()
    (state,) = re.findall(r"It is marked \*(\w+)\*", PAGE)
    assert f'class="state state-{state}"' in page
