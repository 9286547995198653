"""JSON of the analysis API is that of Django REST framework, made faster."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from rest_framework.renderers import JSONRenderer

from analysis.api.view_base import FastJSONRenderer


@pytest.mark.parametrize(
    "value",
    [
        {"mean": 70.0, "zero": -0.0, "large": 1e22, "tiny": 5e-324, "count": 2**62, "gap": None},
        datetime(2026, 3, 2, 7, 5, 1, 250_000, tzinfo=UTC),
        date(2026, 3, 2),
        Decimal("1.50"),
        UUID(int=7),
        gettext_lazy("Stored"),
        mark_safe("a < b"),  # a subclass of str
        "Zoë \u2028 \x00",
        [(1, 2.5)],
    ],
    ids=str,
)
def test_values_are_those_of_the_framework(value: object) -> None:
    fast = json.loads(FastJSONRenderer().render(value))
    assert fast == json.loads(JSONRenderer().render(value))
    assert str(fast) == str(json.loads(JSONRenderer().render(value)))


def test_no_data_is_an_empty_body() -> None:
    assert FastJSONRenderer().render(None) == b""


def test_a_number_that_json_lacks_is_null() -> None:
    assert FastJSONRenderer().render([float("nan"), float("inf")]) == b"[null,null]"
