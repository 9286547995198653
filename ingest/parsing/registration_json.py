"""The JSON bodies of the device API: a pre-shared key, or a renewal request. Pure."""

from __future__ import annotations

import json
from typing import NoReturn


class InvalidJson(ValueError):
    """A body that is not one JSON object with the expected members."""


def parse_object(body: bytes) -> dict[str, object]:
    """Return the one JSON object in ``body``; raise ``InvalidJson``.

    Stricter than the standard library: UTF-8 without byte order mark, no duplicate keys, no NaN.
    """
    try:
        parsed = json.loads(
            body.decode("utf-8"), object_pairs_hook=_without_repeats, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise InvalidJson from error
    if not isinstance(parsed, dict):
        raise InvalidJson
    return parsed


def is_renewal(body: dict[str, object]) -> bool:
    """Return whether ``body`` is ``{"roll": true}``, without a key."""
    return body.get("roll") is True and "PSK" not in body


def read_psk(body: dict[str, object]) -> str:
    """Return the string ``PSK``; raise ``InvalidJson`` without one."""
    psk = body.get("PSK")
    if not isinstance(psk, str):
        raise InvalidJson
    return psk


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate key")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
