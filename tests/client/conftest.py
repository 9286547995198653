"""Devices for the tests of the client."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from device_client.api import Door
from device_client.retry import Patience
from device_client.state import StateFolder
from tests.client.scripted_server import Scripted, ScriptedServer, scripted_server


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFolder]:
    """Give a device's folder with a certificate in it."""
    folder = StateFolder(tmp_path / "device")
    folder.ensure_credentials()
    yield folder
    folder.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[list[Scripted]], ScriptedServer]]:
    """Give a function that starts a server with the answers it shall give."""
    with ExitStack() as stack:
        yield lambda answers: stack.enter_context(scripted_server(tmp_path, answers))


@pytest.fixture
def open_door(state: StateFolder) -> Iterator[Callable[[ScriptedServer], Door]]:
    """Give a function that makes the device's door to a server."""
    with ExitStack() as stack:

        def make(server: ScriptedServer) -> Door:
            door = Door(server.url, state.credentials, server.authority)
            stack.callback(door.close)
            return door

        yield make


@pytest.fixture
def pauses() -> list[float]:
    """Give the list of the pauses that ``patience`` made instead of sleeping."""
    return []


@pytest.fixture
def patience(pauses: list[float]) -> Patience:
    """Give patience that notes its pauses instead of spending them."""
    return Patience(seconds=100, sleep=pauses.append, chance=random.Random(1))  # noqa: S311
