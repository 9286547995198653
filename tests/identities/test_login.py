"""A login leads to the staff site, whatever `next` says."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client


@pytest.mark.parametrize("destination", ["", "https://example.org/", "//example.org", "\0"])
def test_a_login_without_a_usable_next_leads_home(db: None, destination: str) -> None:
    User.objects.create_superuser("ada", password="a long password of ada's")
    answer = Client().post(
        "/admin/login/",
        {"username": "ada", "password": "a long password of ada's", "next": destination},
        secure=True,
    )
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
