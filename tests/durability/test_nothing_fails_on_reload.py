"""What an operator does while devices send: none of their requests fails for it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from tests.device_endpoint.processes import child_named, descendants
from tests.devices import Device
from tests.durability.sending import sending, wait_for_more
from tests.stack import Stack, wait_until


def _reload(stack: Stack) -> None:
    assert stack.process is not None
    door = child_named(stack.process.pid, "device_wsgi")
    workers = set(descendants(door))
    said = stack.output.splitlines().count("reloaded")
    stack.process.send_signal(signal.SIGHUP)
    wait_until(lambda: stack.output.splitlines().count("reloaded") > said, "the reload")
    wait_until(lambda: workers.isdisjoint(descendants(door)), "new workers")


def test_no_request_fails_while_the_doors_and_nginx_are_reloaded(
    own_stack: Stack, bind: Callable[[int], list[Device]]
) -> None:
    with sending(bind(4)) as sent:
        for _ in range(4):
            _reload(own_stack)
            wait_for_more(sent, 20)
    assert sent.troubles == []
    assert set(sent.answers) == {200}


def test_requests_wait_while_a_killed_gunicorn_is_replaced(
    own_stack: Stack, bind: Callable[[int], list[Device]]
) -> None:
    assert own_stack.process is not None
    with sending(bind(4)) as sent:
        wait_for_more(sent, 10)
        os.kill(child_named(own_stack.process.pid, "device_wsgi"), signal.SIGKILL)
        wait_for_more(sent, 30)
    # The two workers had a request each in hand; the others waited.
    assert sent.of(503) <= 2
    assert set(sent.answers) <= {200, 503}
