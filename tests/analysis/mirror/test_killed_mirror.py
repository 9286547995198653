"""``manage.py mirror`` is killed again and again while the store changes: it ends up equal."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from django.db import connection

from analysis.mirror.mirror import Mirror
from analysis.mirror.target import Target
from device_endpoint.env import PROJECT_DIR
from tests.analysis.mirror.test_mirror import TODAY, read_mirror
from tests.analysis.random_site import Site
from tests.ingest.maintenance.factories import DAY_MS, MORNING
from tests.support.database import database_address

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_db")]
KILLS = 10


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start the command on this test's database."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "mirror", str(folder), "--follow"],
        cwd=PROJECT_DIR,
        env=os.environ | {"DATABASE_URL": database_address(str(connection.settings_dict["NAME"]))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_mirror_that_is_killed_ten_times_equals_the_store(tmp_path: Path) -> None:
    site = Site(random.Random(1), starts=(MORNING, TODAY - DAY_MS))  # noqa: S311
    for _ in range(20):
        site.act()
    folder = tmp_path / "mirror"
    for _ in range(KILLS):
        with start(folder) as process:
            # Between the start of the interpreter and the pause after a run.
            with suppress(subprocess.TimeoutExpired):
                process.wait(site.random.uniform(0.8, 3.0))
            site.act()
            assert process.poll() is None
            process.kill()
        site.act()
    Mirror(Target.parse(str(folder))).synchronise()
    assert read_mirror(folder) == site.holds()
