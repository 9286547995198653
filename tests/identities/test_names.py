"""The names that identities may have."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.test import Client

from identities.credentials import get_or_create_identity
from identities.models import Identity


@pytest.mark.parametrize("name", ["a", "7", "bed-12", "Ward_3.bed@home", "a" * 64, "A..-"])
def test_letters_digits_and_four_signs_are_allowed(db: None, name: str) -> None:
    assert get_or_create_identity(name).name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "-a",
        ".a",
        "_a",
        "@a",
        "a b",
        "a/b",
        "a\\b",
        "ä",
        "a\n",
        "a\x00",
        "a" * 65,
        "é",
        "٣",
        "=cmd",
        "<b>",
        "a'b",
        'a"b',
        "a$b",
        "a%b",
        "a,b",
    ],
)
def test_anything_else_is_refused(db: None, name: str) -> None:
    with pytest.raises(ValidationError):
        get_or_create_identity(name)
    assert not Identity.objects.exists()


def test_a_name_is_found_in_any_case(identity: Identity) -> None:
    assert Identity.objects.named("BED-12") == identity
    assert get_or_create_identity("Bed-12") == identity


def test_names_that_differ_in_case_only_are_one_name(identity: Identity) -> None:
    with pytest.raises(IntegrityError):
        Identity.objects.create(name="BED-12")


def test_the_admin_refuses_a_name_that_is_taken(identity: Identity, admin: Client) -> None:
    answer = admin.post("/admin/identities/identity/add/", {"name": "Bed-12", "is_active": "on"})
    assert answer.status_code == 200
    assert "This name is not available." in answer.content.decode()


def test_the_admin_names_what_is_allowed(admin: Client) -> None:
    answer = admin.post("/admin/identities/identity/add/", {"name": "bed 12", "is_active": "on"})
    assert "Letters, digits and _ . @ - only" in answer.content.decode()
    assert not Identity.objects.exists()
