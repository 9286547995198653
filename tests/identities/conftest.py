"""Members of staff with three roles, and an identity."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from identities.models import Identity


@pytest.fixture
def identity(db: None) -> Identity:
    return Identity.objects.create(name="bed-12")


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    """Give a function that makes a member of staff, in a group if one is named."""

    def make(username: str, group: str = "", **fields: bool) -> User:
        user = User.objects.create(username=username, is_staff=True, **fields)
        if group:
            user.groups.add(Group.objects.get(name=group))
        return user

    return make


@pytest.fixture
def log_in() -> Callable[[User], Client]:
    """Give a function that returns a browser in which the user is logged in."""

    def log_in(user: User) -> Client:
        client = Client(headers={"X-Forwarded-Proto": "https"})
        client.force_login(user)
        return client

    return log_in


@pytest.fixture
def admin(make_user: Callable[..., User], log_in: Callable[[User], Client]) -> Client:
    return log_in(make_user("ada", is_superuser=True))


@pytest.fixture
def operator(make_user: Callable[..., User], log_in: Callable[[User], Client]) -> Client:
    return log_in(make_user("olga", "operators"))


@pytest.fixture
def analyst(make_user: Callable[..., User], log_in: Callable[[User], Client]) -> Client:
    return log_in(make_user("anna", "analysts"))
