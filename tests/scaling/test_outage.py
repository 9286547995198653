"""All devices wake at once after an outage: the queue drains, and no device is left behind.

500 of 100,000 devices, on as small a part of two processors.
"""

from __future__ import annotations

from dataclasses import replace

from device_client.retry import Backoff
from tests.scaling.outage.simulation import Morning, Server, Simulation

MORNING = Morning(devices=500, wake_seconds=600, files=4, ends_at=7200)
SERVER = Server(processors=0.01, backlog=10)


def test_the_queue_drains_with_the_clients_back_off() -> None:
    outcome = Simulation(MORNING, SERVER).run()
    assert outcome.refusals > MORNING.devices  # the server was overloaded
    assert outcome.undelivered == 0
    assert len(outcome.waits) == MORNING.devices
    assert max(outcome.waits) <= 5400


def test_with_short_back_off_refusals_take_the_whole_server() -> None:
    outcome = Simulation(replace(MORNING, ends_at=3600), SERVER, Backoff(max_seconds=60)).run()
    assert outcome.undelivered > MORNING.devices / 2


def test_a_server_with_room_refuses_nobody() -> None:
    outcome = Simulation(MORNING, replace(SERVER, processors=0.1)).run()
    assert outcome.refusals == 0
    assert max(outcome.waits) < 60
    # Three more files each in the rest of the hour.
    assert outcome.requests == MORNING.devices * 4
