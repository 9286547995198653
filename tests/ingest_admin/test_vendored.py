"""Files of others are what their README says."""

import hashlib
import re
from pathlib import Path

from device_endpoint.environment import PROJECT_DIR

FOLDER = PROJECT_DIR / "ingest" / "static" / "vendor" / "uplot"


def test_every_vendored_file_has_the_digest_that_is_written_down() -> None:
    written = dict(
        re.findall(r"`([\w.]+)` \| `([0-9a-f]{64})`", (FOLDER / "README.md").read_text())
    )
    files = {path.name for path in FOLDER.iterdir()} - {"README.md", "LICENSE"}
    assert files == set(written)
    for name in files:
        assert hashlib.sha256(Path(FOLDER / name).read_bytes()).hexdigest() == written[name]
