"""The JSON bodies of the device door: a pre-shared key, or the wish to roll. Pure."""

from __future__ import annotations

import json
from typing import NoReturn

from ingest.errors import InvalidJson


def read_object(body: bytes) -> dict[str, object]:
    """Return the one JSON object in ``body``; raise ``InvalidJson``.

    Stricter than the standard library: UTF-8 without a byte order mark, no key twice, no NaN.
    """
    try:
        found = json.loads(
            body.decode("utf-8"), object_pairs_hook=_without_repeats, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise InvalidJson from error
    if not isinstance(found, dict):
        raise InvalidJson
    return found


def asks_to_roll(found: dict[str, object]) -> bool:
    """Tell whether this is ``{"roll": true}``, without a key."""
    return found.get("roll") is True and "PSK" not in found


def read_psk(found: dict[str, object]) -> str:
    """Return the string ``PSK``; raise ``InvalidJson`` without one."""
    psk = found.get("PSK")
    if not isinstance(psk, str):
        raise InvalidJson
    return psk


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
