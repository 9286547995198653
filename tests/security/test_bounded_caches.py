"""What a process remembers of strangers' certificates is bounded in bytes."""

from __future__ import annotations

import base64
import os
import tracemalloc
from urllib.parse import quote

import pytest

from ingest.api import authentication

MAX_BYTES = 14 * 1024 * 1024


def escaped_pem(size: int) -> str:
    """Return a certificate's header as nginx writes it; its content does not matter here."""
    text = base64.encodebytes(os.urandom(size)).decode()
    return quote(f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n", safe="")


@pytest.mark.parametrize("size", [700, 2_400, 16_000])
def test_certificates_of_any_size_fill_no_memory(size: int) -> None:
    authentication._parse_cached_headers.cache_clear()
    tracemalloc.start()
    try:
        for _ in range(2_500):
            authentication._parse_headers("FAILED:self-signed certificate", escaped_pem(size))
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        authentication._parse_cached_headers.cache_clear()
    assert used <= MAX_BYTES


def test_an_ordinary_certificate_is_remembered() -> None:
    header = escaped_pem(700)
    first = authentication._parse_headers("FAILED:self-signed certificate", header)
    assert authentication._parse_headers("FAILED:self-signed certificate", header) is first
