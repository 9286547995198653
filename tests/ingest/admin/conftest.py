"""Staff of three kinds and a device's evidence, for the tests of the admin's pages."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from identities.models import Identity
from ingest.models import DeviceCertificate
from tests.analysis.queries.factories import make_analyst, make_certificate


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def analyst(db: None) -> Client:
    """Someone who may look at everything."""
    return signed_in(make_analyst())


@pytest.fixture
def operator(db: None) -> Client:
    """Someone who may let devices in and stop them."""
    user = User.objects.create_user("operator", is_staff=True)
    user.groups.add(Group.objects.get(name="operators"))
    return signed_in(user)


@pytest.fixture
def stranger(db: None) -> Client:
    """Someone of the staff without any permission."""
    return signed_in(User.objects.create_user("stranger", is_staff=True))


@pytest.fixture
def certificate(db: None) -> DeviceCertificate:
    """A device's certificate, bound to the identity ``ward3-07``."""
    return make_certificate(Identity.objects.create(name="ward3-07"))
