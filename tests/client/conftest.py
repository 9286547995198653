"""Fixtures: a state folder, scripted servers and a retry policy that never sleeps."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from device_client.api import DeviceApi
from device_client.retry import RetryPolicy
from device_client.state import StateFolder
from tests.client.scripted_server import Scripted, ScriptedServer, scripted_server


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFolder]:
    """A device's folder with a certificate in it."""
    folder = StateFolder(tmp_path / "device")
    folder.ensure_credentials()
    yield folder
    folder.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[list[Scripted]], ScriptedServer]]:
    """A function that starts a server with the responses to send."""
    with ExitStack() as stack:
        yield lambda responses: stack.enter_context(scripted_server(tmp_path, responses))


@pytest.fixture
def connect(state: StateFolder) -> Iterator[Callable[[ScriptedServer], DeviceApi]]:
    """A function that makes the device's client of a server."""
    with ExitStack() as stack:

        def make(server: ScriptedServer) -> DeviceApi:
            api = DeviceApi(server.url, state.credentials, server.authority)
            stack.callback(api.close)
            return api

        yield make


@pytest.fixture
def delays() -> list[float]:
    """The delays that ``retry_policy`` has recorded instead of sleeping."""
    return []


@pytest.fixture
def retry_policy(delays: list[float]) -> RetryPolicy:
    """A retry policy that records its delays in ``delays``."""
    return RetryPolicy(max_wait_seconds=100, sleep=delays.append, rng=random.Random(1))  # noqa: S311
