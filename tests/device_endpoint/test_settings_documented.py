"""``.env.example`` lists every setting that the code reads."""

from __future__ import annotations

import re

from device_endpoint.env import PROJECT_DIR

READ = re.compile(r"read_(?:text|int|bool|choices?|day|list|secret)\(\s*\"([A-Z][A-Z0-9_]+)\"")
# Identifies the service of a gunicorn process, and is no setting of the installation.
SET_BY_UP = {"SERVICE"}


def names_read() -> set[str]:
    files = (PROJECT_DIR / "device_endpoint").rglob("*.py")
    return {name for file in files for name in READ.findall(file.read_text())}


def test_the_example_lists_every_setting_and_sets_none() -> None:
    lines = (PROJECT_DIR / ".env.example").read_text().splitlines()
    listed = {line[1:].partition("=")[0] for line in lines if re.match(r"#[A-Z0-9_]+=", line)}
    assert listed == names_read() - SET_BY_UP
    assert [line for line in lines if line and not line.startswith("#")] == []
