"""Odd requests for every list, filter, form and action of the admin."""

from __future__ import annotations

import io
import logging
import random
import traceback
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import ModelAdmin
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client, RequestFactory
from django.urls import reverse

from device_endpoint.logging_config import TextFormatter
from tests.identities.admin_pages import elements, filled_in
from tests.security.populated_site import World, patterns
from tests.support.examples import IS_LONG_RUN

T = TypeVar("T")
ODD_VALUES = (
    "", "x", "ward-1", "[", '"', "[]", "{", "'", "\\", "%", "\0", "0", "1", "-1", "1,2", "１",
    "1.5", "9" * 40, "1e999", "nan", "True", "None", "2026-13-45", "0001-01-01",
    "9999-12-31 23:59:59", "24:61", "999999999999d", "a" * 5000, "9" * 5000,
    "\u202e💩", "<svg>", "../..",
)  # fmt: skip
# Parameters beside look-ups: those of Django's admin, then those of the pages about data.
PARAMETERS = (
    "o", "p", "q", "e", "all", "_to_field", "_popup", "_facets", "_changelist_filters",
    "after", "days", "sort", "study", "to", "valid",
)  # fmt: skip
CONTROLS = ("select_across", "index", "action", "confirmed", "newest", "_to_field", "_popup")


@dataclass(frozen=True)
class Case:
    """A request; ``form`` makes it a POST."""

    path: str
    query: tuple[tuple[str, str], ...] = ()
    form: dict[str, Any] | None = field(default=None)

    def send(self, client: Client) -> HttpResponseBase:
        address = f"{self.path}?{urlencode(self.query)}" if self.query else self.path
        if self.form is None:
            return client.get(address)
        return client.post(address, self.form)


def list_cases(values: Sequence[str]) -> Iterator[Case]:
    """Yield the lists, each with a parameter: of the admin, of a field, of a related field."""
    for model_admin in admin.site._registry.values():
        path = _address(model_admin, "changelist")
        names = [*PARAMETERS, *_lookups(model_admin.model)]
        for name in names:
            for value in values:
                yield Case(path, ((name, value),))


def _lookups(model: Any, depth: int = 1) -> Iterator[str]:
    for each in model._meta.get_fields():
        yield each.name
        if each.is_relation:
            if depth and each.related_model is not None:
                yield from (f"{each.name}__{name}" for name in _lookups(each.related_model, 0))
            yield f"{each.name}__isnull"
            continue
        yield from (f"{each.name}__{lookup}" for lookup in each.get_lookups())


def form_addresses(world: World) -> list[str]:
    addresses = sorted({world.address(pattern) for pattern in patterns()})
    return [each for each in addresses if each.startswith("/admin/") and "logout" not in each]


def form_cases(client: Client, addresses: Iterable[str], values: Sequence[str]) -> Iterator[Case]:
    """Yield the forms of pages as they fill them in, with odd values in one field or all."""
    for address in addresses:
        page = client.get(address)
        text = "" if page.streaming else page.content.decode("latin-1")
        names = {attrs["name"] for _tag, attrs in elements(text) if attrs.get("name")}
        names -= {"csrfmiddlewaretoken", "viewport", "robots"}
        given = filled_in(text)
        for value in values:
            yield Case(address, form=dict.fromkeys(names, value))
            for name in sorted(names):
                yield Case(address, ((name, value),))
                yield Case(address, form=given | {name: value})


def action_cases(client: Client, values: Sequence[str]) -> Iterator[Case]:
    """Yield every action of every list, with odd selections and odd controls."""
    request = RequestFactory().get("/")
    request.user = client.get("/admin/").wsgi_request.user
    for model_admin in admin.site._registry.values():
        path = _address(model_admin, "changelist")
        row = model_admin.model._default_manager.first()
        chosen = str(row.pk) if row else "1"
        for action in [*model_admin.get_actions(request), "nonsense"]:
            plain = {"action": action, ACTION_CHECKBOX_NAME: [chosen], "index": "0"}
            yield Case(path, form=plain | {"post": "yes", "confirmed": "yes"})
            for value in values:
                yield Case(path, form=plain | {ACTION_CHECKBOX_NAME: [value, chosen]})
                yield from (Case(path, form=plain | {name: value}) for name in CONTROLS)


def address_cases(world: World, values: Sequence[str]) -> Iterator[Case]:
    """Yield the address of every row's page with odd keys in it, read and written."""
    for pattern in sorted(set(patterns())):
        if "<" in pattern and pattern.startswith("admin/"):
            for value in values:
                address = world.address(pattern, quote(value, safe="") or "_")
                yield Case(address)
                yield Case(address, form={"post": "yes", "confirmed": "yes"})


def _address(model_admin: ModelAdmin[Any], page: str) -> str:
    opts = model_admin.opts
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_{page}")


def find_failures(client: Client, cases: list[Case]) -> list[str]:
    """Send ``cases``; return those answered with 5xx and those that left a traceback in the log.

    Nothing that they change is kept.
    """
    client.raise_request_exception = False
    failures = []
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(TextFormatter())
    logging.getLogger().addHandler(handler)
    try:
        for case in cases:
            before, cookies = transaction.savepoint(), deepcopy(client.cookies)
            try:
                status = case.send(client).status_code
            except Exception:  # noqa: BLE001 - whatever escapes the handler is a finding
                status, _ = 599, log.write(traceback.format_exc())
            transaction.savepoint_rollback(before)
            client.cookies = cookies
            if status >= 500 or "Traceback" in log.getvalue():
                failures.append(f"{status} {case}"[:300] + f": {log.getvalue().strip()[-200:]}")
            log.seek(0)
            log.truncate()
    finally:
        logging.getLogger().removeHandler(handler)
    return failures


def sample(cases: Iterable[T], count: int, seed: str) -> list[T]:
    """Return ``count`` of ``cases``: the same each time; in ``make test-all`` by pytest's seed."""
    everything = list(cases)
    chance = random.Random(random.random() if IS_LONG_RUN else seed)  # noqa: S311 - repeatable
    return chance.sample(everything, min(count, len(everything)))
