"""docs/reference/clients.md lists real clients of tests/clients with the versions that were run."""

from __future__ import annotations

from tests.clients.table import read_table
from tests.support.real_clients import CLIENTS


def test_the_table_lists_known_clients_with_their_versions() -> None:
    table = read_table()
    assert table
    assert list(table) == [client.name for client in CLIENTS if client.name in table]
    assert all(any(map(str.isdigit, version)) for version in table.values())
