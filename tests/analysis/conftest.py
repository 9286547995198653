"""An analyst with a token, for tests of the analysis API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from identities.models import Identity
from tests.analysis.queries.factories import make_analyst, make_token

Get = Callable[..., Any]


@pytest.fixture
def ward(db: None) -> Identity:
    return Identity.objects.create(name="Ward3-07")


@pytest.fixture
def get(db: None) -> Get:
    """Request from the analysis API with a token: ``get("series", identity="x")``."""
    return make_getter()


def make_getter() -> Get:
    """Return a function that requests from the analysis API with the token of an analyst."""
    client = Client(headers={"authorization": f"Bearer {make_token(make_analyst())}"})

    def request(path: str, **parameters: Any) -> Any:
        """Send a GET; the parameter ``from_`` stands for ``from``."""
        named = {name.rstrip("_"): value for name, value in parameters.items()}
        return client.get(f"/api/v1/{path}", named)

    return request
