"""The body of a registration: one JSON object with one string ``PSK``. Pure."""

from __future__ import annotations

import json
from typing import NoReturn

from ingest.refusals import InvalidJson


def read_psk(body: bytes) -> str:
    """Return the pre-shared key in ``body``; raise ``InvalidJson``.

    Stricter than the standard library: UTF-8 without a byte order mark, no key twice, no NaN.
    """
    try:
        found = json.loads(
            body.decode("utf-8"), object_pairs_hook=_without_repeats, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise InvalidJson from error
    if not isinstance(found, dict) or not isinstance(found.get("PSK"), str):
        raise InvalidJson
    return str(found["PSK"])


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
