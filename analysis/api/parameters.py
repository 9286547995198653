"""Validation of query parameters: unknown and invalid ones are rejected by name."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from urllib.parse import urlencode

from rest_framework.request import Request

from analysis.api.errors import BadParameter, UnknownStudy
from analysis.queries.series import SERIES_NAME
from identities.models import IDENTITY_NAME
from identities.studies import Study
from identities.visibility import Scope, scope_of_request
from ingest.parsing.column_names import COLUMN_NAME
from ingest.parsing.measurement_file import MAX_COLUMNS
from ingest.time_range import RangeError, TimeRange, parse_range

_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_AFTER = re.compile(rf"({IDENTITY_NAME})/({SERIES_NAME})", re.ASCII)


def read_parameters(request: Request, known: Collection[str], repeated: str = "") -> dict[str, str]:
    """Return the query parameters; raise ``BadParameter`` for unknown and repeated ones.

    ``repeated`` names the parameter that may occur more than once.
    """
    parameters: dict[str, str] = {}
    for name, values in request.query_params.lists():
        if name not in known:
            hint = f"allowed here: {', '.join(sorted(known))}" if known else "none is allowed here"
            raise BadParameter(ascii(name)[1:-1][:40], f"unknown parameter; {hint}.")
        if len(values) > 1 and name != repeated:
            raise BadParameter(name, "given more than once.")
        parameters[name] = values[0]
    return parameters


def read_scope(request: Request, parameters: dict[str, str], *permissions: str) -> Scope:
    """Return what the request may see, narrowed by ``study``; raise ``UnknownStudy``."""
    scope = scope_of_request(request, *permissions)
    if "study" not in parameters:
        return scope
    try:
        return scope.in_study(parameters["study"])
    except Study.DoesNotExist as error:
        raise UnknownStudy(f"There is no study {parameters['study'][:100]!a}.") from error


def read_range(parameters: dict[str, str], prefix: str = "") -> TimeRange:
    """Return the range of the parameters ``from`` and ``to``, whose names begin with ``prefix``."""
    try:
        return parse_range(parameters.get(f"{prefix}from"), parameters.get(f"{prefix}to"), prefix)
    except RangeError as error:
        raise BadParameter(error.parameter, error.reason) from error


def read_columns(parameters: dict[str, str]) -> tuple[bool, list[str] | None]:
    """Return whether columns are asked for, and their names, None for all (``*``)."""
    if "columns" not in parameters:
        return False, None
    if parameters["columns"] == "*":
        return True, None
    names = parameters["columns"].split(",")
    if any(re.fullmatch(COLUMN_NAME, name) is None for name in names):
        raise BadParameter("columns", "expected * or names of columns separated by commas: x,y,z.")
    if len(names) > MAX_COLUMNS or len({*names}) < len(names):
        raise BadParameter("columns", f"expected up to {MAX_COLUMNS} names, each once.")
    return True, names


def read_number(parameters: dict[str, str], name: str, default: int, maximum: int) -> int:
    """Return ``name`` as a whole number from 1 to ``maximum``."""
    text = parameters.get(name, str(default))
    if not _WHOLE_NUMBER.fullmatch(text) or not 1 <= int(text) <= maximum:
        raise BadParameter(name, f"expected a whole number from 1 to {maximum}.")
    return int(text)


def read_choice(
    parameters: dict[str, str], name: str, choices: Collection[str], default: str
) -> str:
    """Return ``name``, which must be one of ``choices``."""
    text = parameters.get(name, default)
    if text not in choices:
        raise BadParameter(name, f"expected one of {', '.join(choices)}.")
    return text


def make_cursor(kind: str, key: str) -> str:
    """Return the cursor of a list that continues after the row with this key."""
    return base64.urlsafe_b64encode(f"{kind}:{key}".encode()).decode().rstrip("=")


def read_cursor(parameters: dict[str, str], kind: str, key: str) -> str | None:
    """Return the key in the cursor ``after``; ``key`` is its pattern, ``kind`` names the list."""
    if "after" not in parameters:
        return None
    text = parameters["after"]
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        decoded = ""
    found = re.fullmatch(f"{kind}:({key})", decoded, re.ASCII)
    if found is None:
        raise BadParameter("after", "not a cursor of this list: take it from `next`.")
    return found[1]


def make_next_url(request: Request, parameters: dict[str, str], after: str | None) -> str | None:
    """Return the URL of the page after ``after``, None without one."""
    if after is None:
        return None
    query = urlencode({**parameters, "after": after}, safe="/@")
    return request.build_absolute_uri(f"{request.path}?{query}")


def read_after(parameters: dict[str, str]) -> tuple[str, str] | None:
    """Return ``after``, the (identity, name) after which the page starts."""
    if "after" not in parameters:
        return None
    found = _AFTER.fullmatch(parameters["after"])
    if found is None:
        raise BadParameter("after", "expected IDENTITY/NAME, as in `next`.")
    return found[1], found[2]
