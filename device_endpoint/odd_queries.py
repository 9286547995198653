"""Refuses queries that Django's admin would hand on to fail with an error of ours (500)."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

# What a form of the admin is filled in with and looked up: keys of rows.
_LOOKED_UP = ("identity",)
_KEY = re.compile(r"[0-9]{0,18}")
_YEARS = re.compile(r"[1-9][0-9]{3}(,[1-9][0-9]{3})*")


class RefuseOddQueries:
    """Answers 400 to a page of the admin that is asked for with what no database has.

    Forms refuse null characters by themselves, and so does the read API, in its own words.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the answer."""
        if request.path.startswith("/admin/"):
            is_form = request.path.endswith("/add/")
            for name, values in request.GET.lists():
                if any(is_odd(name, value, is_form=is_form) for value in values):
                    return HttpResponse("The query makes no sense here.\n", "text/plain", 400)
        return self._get_response(request)


def is_odd(name: str, value: str, *, is_form: bool = False) -> bool:
    """Tell whether a parameter holds a null character, or no year or no key where it should."""
    if is_form and name in _LOOKED_UP and _KEY.fullmatch(value) is None:
        return True
    parts = name.split("__")
    is_year = "year" in parts or "iso_year" in parts
    return "\0" in name + value or (is_year and _YEARS.fullmatch(value) is None)
