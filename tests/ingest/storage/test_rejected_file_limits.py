"""Limits on the rejected files of an identity: the newest stay, stored ones are untouched."""

from __future__ import annotations

import os

import pytest
from pytest_django.fixtures import Settings

from ingest.models import Measurement
from tests.ingest.maintenance.factories import (
    MORNING,
    make_certificate,
    make_identity,
    send,
)

pytestmark = pytest.mark.usefixtures("live_db")


def test_the_oldest_give_way_to_the_newest(settings: Settings) -> None:
    settings.MAX_REJECTED_FILES_PER_IDENTITY = 3
    certificate, other = (make_certificate(make_identity()) for _ in range(2))
    elsewhere = send(other, b"rubbish")
    good = send(certificate, {MORNING: 1.0})
    sent = [send(certificate, b"rubbish %d" % i, name=f"n{i % 2}").id for i in range(6)]
    stored = Measurement.objects.filter(identity=certificate.identity).order_by("pk")
    assert [file.pk for file in stored] == [good.id, *sent[-3:]]
    assert Measurement.objects.filter(pk=elsewhere.id).exists()
    again = send(certificate, b"rubbish 5", name="n1")
    assert again.id == sent[-1]  # stored, so known
    assert send(certificate, b"rubbish 0", name="n0").id != sent[0]  # deleted, so read again


def test_bytes_are_bounded_too_but_the_newest_file_stays(settings: Settings) -> None:
    settings.MAX_REJECTED_BYTES_PER_IDENTITY = 25_000
    certificate = make_certificate(make_identity())
    sent = [send(certificate, os.urandom(10_000)).id for _ in range(4)]
    stored = Measurement.objects.filter(identity=certificate.identity).order_by("pk")
    assert [file.pk for file in stored] == sent[-2:]
    large = send(certificate, os.urandom(50_000))
    assert [file.pk for file in stored.all()] == [large.id]
