"""``/livez`` and ``/readyz`` of a running installation."""

from __future__ import annotations

import json

from tests.support.stack import Stack


def test_livez_answers_without_a_login(stack: Stack) -> None:
    status, _, text = stack.get_staff("/livez")
    assert (status, json.loads(text)) == (200, {"status": "alive"})


def test_readyz_names_every_check(stack: Stack) -> None:
    status, _, text = stack.get_staff("/readyz")
    assert status == 200
    assert json.loads(text)["checks"] == {
        "database": "ok",
        "migrations": "ok",
        "superuser": "ok",
        "durability": "ok",
        "disk": "ok",
        "device_api": "ok",
    }
