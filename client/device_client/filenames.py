"""Derive a measurement's name from a file name. Pure.

Files of one measurement differ by a date at the end of the file name:
``hr_measurement_2019_06_11`` is a file of ``hr_measurement``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import PurePath

MEASUREMENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
COLUMN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_EXTENSION = re.compile(r"\.(csv|txt)$", re.IGNORECASE)
_DATE = re.compile(r"[_.-]\d{4}([_.-]?)\d{2}\1\d{2}([_.T-]\d{6})?$")


def derive_measurement_name(filename: str) -> str:
    """Return ``filename`` without ``.csv`` or ``.txt`` and without its date.

    The date is ``2019_06_11``, ``2019-06-11``, ``2019.06.11`` or ``20190611`` after ``_``, ``-``
    or ``.``; six digits of time of day may follow. Raises ``ValueError`` if the rest is not a valid
    measurement name.
    """
    name = _DATE.sub("", _EXTENSION.sub("", filename))
    if not MEASUREMENT_NAME.fullmatch(name):
        raise ValueError(f"{filename!r} gives no measurement name: write NAME=PATH")
    return name


def split_argument(argument: str) -> tuple[str, PurePath]:
    """Return the measurement's name and the path of ``PATH`` or ``NAME=PATH``.

    Raises ``ValueError`` if there is no name and none can be derived from the file name.
    """
    name, equals, path = argument.partition("=")
    if equals and MEASUREMENT_NAME.fullmatch(name):
        return name, PurePath(path)
    return derive_measurement_name(PurePath(argument).name), PurePath(argument)


def make_dated_filename(name: str, end_ms: int) -> str:
    """Return the name of a file of ``name`` whose last sample is at ``end_ms``, in UTC."""
    return f"{name}_{datetime.fromtimestamp(end_ms // 1000, UTC):%Y_%m_%d_%H%M%S}"
