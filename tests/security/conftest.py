"""People for the tests of trust: made in the tests' own database, one of each role."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

import device_endpoint.staff_urls  # noqa: F401 - which registers the pages of the admin

ROLES = ("superuser", "operator", "analyst", "staff", "anonymous")


def browser_of(role: str) -> Client:
    """Return the browser of somebody new with ``role``."""
    client = Client(headers={"X-Forwarded-Proto": "https"})
    if role == "anonymous":
        return client
    user = User.objects.create(
        username=f"some-{role}", is_staff=True, is_superuser=role == "superuser"
    )
    if role in ("operator", "analyst"):
        user.groups.add(Group.objects.get(name=f"{role}s"))
    client.force_login(user)
    return client


@pytest.fixture
def browser(db: None) -> Callable[[str], Client]:
    """Give a function that returns the browser of somebody with a role."""
    return browser_of


@pytest.fixture
def admin(db: None) -> Client:
    return browser_of("superuser")
