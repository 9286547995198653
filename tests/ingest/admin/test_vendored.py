"""Vendored files have the digests of their README."""

import hashlib
import re
from pathlib import Path

import pytest

from device_endpoint.env import PROJECT_DIR

FOLDERS = [
    PROJECT_DIR / "analysis" / "static" / "vendor" / "uplot",
    PROJECT_DIR / "tests" / "vendor" / "axe-core",
]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_vendored_file_has_its_recorded_digest(folder: Path) -> None:
    readme = (folder / "README.md").read_text()
    written = dict(re.findall(r"`([\w.]+)` \| `([0-9a-f]{64})`", readme))
    files = {path.name for path in folder.iterdir()} - {"README.md", "LICENSE"}
    assert files == set(written)
    for name in files:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == written[name]
