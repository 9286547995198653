"""``/livez`` and ``/readyz``, as an operator's monitor asks them."""

from __future__ import annotations

import json

from tests.support.stack import Stack


def test_livez_answers_without_a_login(stack: Stack) -> None:
    status, _, text = stack.get_staff("/livez")
    assert (status, json.loads(text)) == (200, {"status": "alive"})


def test_readyz_names_each_thing_that_it_looked_at(stack: Stack) -> None:
    status, _, text = stack.get_staff("/readyz")
    assert status == 200
    assert json.loads(text)["checks"] == {
        "database": "ok",
        "migrations": "ok",
        "superuser": "ok",
        "durability": "ok",
        "disk": "ok",
        "device_door": "ok",
    }
