"""Query parameters, checked: what is not understood is refused by name, never ignored."""

from __future__ import annotations

import re
from collections.abc import Collection

from rest_framework.request import Request

from analysis.api.errors import BadParameter
from analysis.queries.series import SERIES_NAME
from identities.models import IDENTITY_NAME
from ingest.time_range import RangeError, TimeRange, parse_range

_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_AFTER = re.compile(rf"({IDENTITY_NAME})/({SERIES_NAME})", re.ASCII)


def read_parameters(request: Request, known: Collection[str], repeated: str = "") -> dict[str, str]:
    """Return the query's parameters; raise ``BadParameter`` for unknown and repeated ones.

    ``repeated`` is the one that may be given more than once.
    """
    given: dict[str, str] = {}
    for name, values in request.query_params.lists():
        if name not in known:
            takes = f"this address takes {', '.join(sorted(known))}" if known else "none is taken"
            raise BadParameter(ascii(name)[1:-1][:40], f"unknown parameter; {takes}.")
        if len(values) > 1 and name != repeated:
            raise BadParameter(name, "given more than once.")
        given[name] = values[0]
    return given


def read_range(given: dict[str, str]) -> TimeRange:
    """Return the range of ``from`` and ``to``."""
    try:
        return parse_range(given.get("from"), given.get("to"))
    except RangeError as error:
        raise BadParameter(error.parameter, error.reason) from error


def read_number(given: dict[str, str], name: str, default: int, highest: int) -> int:
    """Return ``name`` as a whole number from 1 to ``highest``."""
    text = given.get(name, str(default))
    if not _WHOLE_NUMBER.fullmatch(text) or not 1 <= int(text) <= highest:
        raise BadParameter(name, f"expected a whole number from 1 to {highest}.")
    return int(text)


def read_choice(given: dict[str, str], name: str, choices: Collection[str], default: str) -> str:
    """Return ``name``, which must be one of ``choices``."""
    text = given.get(name, default)
    if text not in choices:
        raise BadParameter(name, f"expected one of {', '.join(choices)}.")
    return text


def read_after(given: dict[str, str]) -> tuple[str, str] | None:
    """Return ``after``, the (identity, name) that the page follows."""
    if "after" not in given:
        return None
    found = _AFTER.fullmatch(given["after"])
    if found is None:
        raise BadParameter("after", "expected IDENTITY/NAME, as `next` has it.")
    return found[1], found[2]
