"""The JSON bodies of the device API: a pre-shared key, or a renewal request. Pure."""

from __future__ import annotations

import json
from typing import NoReturn

from identities import keys

NOT_UTF8 = 'The body is not UTF-8: send {"PSK": "dpsk_..."} as JSON in UTF-8.'
_SEND = 'send {"PSK": "dpsk_..."}.'


class InvalidJson(ValueError):
    """A body that is not one JSON object with the expected members; the text says what is wrong."""


def parse_object(body: bytes) -> dict[str, object]:
    """Return the one JSON object in ``body``; raise ``InvalidJson``.

    Stricter than the standard library: UTF-8 only, no duplicate keys, no NaN. A byte order mark
    is ignored.
    """
    text = _decode(body)
    if not text.strip():
        raise InvalidJson(f"The body is empty: {_SEND}")
    try:
        parsed = json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidJson(f"The body is not JSON, or was cut, at {place}: {_SEND}") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, InvalidJson):
            raise
        raise InvalidJson(f"The body nests too deep or has too long a number: {_SEND}") from error
    if not isinstance(parsed, dict):
        raise InvalidJson(f"The body is JSON, but no object: {_SEND}")
    return parsed


def _decode(body: bytes) -> str:
    # JSON has no NUL: such a body is UTF-16 or UTF-32.
    if b"\0" in body:
        raise InvalidJson(NOT_UTF8)
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidJson(NOT_UTF8) from error


def is_renewal(body: dict[str, object]) -> bool:
    """Return whether ``body`` is ``{"renew": true}`` or ``{"roll": true}``, without a key."""
    return (body.get("renew") is True or body.get("roll") is True) and "PSK" not in body


def read_psk(body: dict[str, object]) -> str:
    """Return the string ``PSK`` without white space around it; raise ``InvalidJson`` without one.

    What writes keys to devices leaves a line break, a blank or a byte order mark.
    """
    if "PSK" not in body:
        raise InvalidJson(
            f"The object has no member PSK, in capital letters: {_SEND} To renew, send "
            '{"renew": true}.'
        )
    psk = body["PSK"]
    if not isinstance(psk, str):
        raise InvalidJson(f"PSK is not a string: {_SEND}")
    return keys.trim(psk)


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidJson("An object has two members of one name: send each once.")
    return members


def _no_constant(name: str) -> NoReturn:
    raise InvalidJson(f"{name} is not JSON: send numbers, or null.")
