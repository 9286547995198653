"""The table of clients and versions in docs/reference/clients.md."""

from __future__ import annotations

import re
from collections.abc import Mapping

from device_endpoint.env import PROJECT_DIR
from tests.support.real_clients import CLIENTS

PAGE = PROJECT_DIR / "docs" / "reference" / "clients.md"
_HEAD = "| client | version |\n|---|---|\n"
_ROW = re.compile(r"\| (.+?) \| (.+?) \|\n")
_ROWS = re.compile(r"(?:\|.*\n)*")


def read_table() -> dict[str, str]:
    """Return the version of each client in the page."""
    return dict(_ROW.findall(_split()[1]))


def write_table(versions: Mapping[str, str]) -> None:
    """Write the versions that were run; a client that was not run keeps its row."""
    before, _, after = _split()
    known = {**read_table(), **versions}
    rows = "".join(
        f"| {client.name} | {known[client.name]} |\n" for client in CLIENTS if client.name in known
    )
    PAGE.write_text(before + rows + after)


def _split() -> tuple[str, str, str]:
    """Return the page before the rows, the rows, and the page after them."""
    before, _, after = PAGE.read_text().partition(_HEAD)
    rows = _ROWS.match(after)
    assert rows is not None
    return before + _HEAD, rows[0], after[rows.end() :]
