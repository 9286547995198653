"""Stores series, files, certificates and users for tests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby

import pyarrow as pa
from django.contrib.auth.models import Group, User

from identities.access_tokens import AccessToken
from identities.models import Identity
from ingest.models import DeviceCertificate, Measurement, SampleBlock, Series

HOUR_MS = 3_600_000


def make_block(identity: Identity, name: str, samples: Iterable[tuple[int, float]]) -> SampleBlock:
    """Store one block; the samples must be sorted and lie within one hour."""
    times, values = zip(*samples, strict=True)
    hour = times[0] // HOUR_MS
    Series.objects.get_or_create(identity=identity, name=name)
    return SampleBlock.objects.create(
        identity=identity,
        name=name,
        hour=hour,
        first_ms=times[0],
        last_ms=times[-1],
        sample_count=len(times),
        minimum=min(values),
        maximum=max(values),
        total=sum(values),
        offsets=[time - hour * HOUR_MS for time in times],
        values=list(values),
    )


def make_series(
    identity: Identity, name: str, samples: dict[int, float], blocks_per_hour: int = 1
) -> None:
    """Store samples; several blocks in an hour overlap in time."""
    for _, hour in groupby(sorted(samples.items()), lambda item: item[0] // HOUR_MS):
        items = list(hour)
        for start in range(min(blocks_per_hour, len(items))):
            make_block(identity, name, items[start::blocks_per_hour])


def make_certificate(identity: Identity, seed: str = "device") -> DeviceCertificate:
    """Store a certificate whose DER is not a real certificate."""
    return DeviceCertificate.objects.create(
        identity=identity,
        sha256=hashlib.sha256(seed.encode()).digest(),
        der=seed.encode(),
        subject=f"CN={seed}",
        key_type="EC P-256",
        not_before=datetime(2026, 1, 1, tzinfo=UTC),
        not_after=datetime(2036, 1, 1, tzinfo=UTC),
    )


def make_measurement(
    certificate: DeviceCertificate, content: bytes, name: str = "hr", **fields: object
) -> Measurement:
    """Store a file as an upload would."""
    return Measurement.objects.create(
        **{
            "identity": certificate.identity,
            "certificate": certificate,
            "name": name,
            "filename": "hr.txt",
            "content_type": "text/plain",
            "size": len(content),
            "sha256": hashlib.sha256(content).digest(),
            "content": pa.compress(content, codec="zstd", asbytes=True),
            "status": "stored",
            **fields,
        }
    )


def make_analyst(name: str = "analyst") -> User:
    """Store a member of staff who may view everything and change nothing."""
    user = User.objects.create_user(name, password="a long pass phrase", is_staff=True)
    user.groups.add(Group.objects.get(name="analysts"))
    return user


def make_token(user: User) -> str:
    """Return a new token of ``user``."""
    token = AccessToken(user=user)
    secret = token.set_new_secret()
    token.save()
    return secret
