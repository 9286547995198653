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
    """Return a certificate's header as nginx writes it; its content does not matter here.

    It begins with eight letters, for ``other_pem`` to replace: an escaped character there would be
    cut in two.
    """
    text = base64.encodebytes(bytes(6) + os.urandom(size - 6)).decode()
    return quote(f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n", safe="")


def other_pem(template: str, number: int) -> str:
    """Return ``template`` with another number in its content: a copy, which costs less."""
    head = len(quote("-----BEGIN CERTIFICATE-----\n", safe=""))
    return f"{template[:head]}{number:08d}{template[head + 8 :]}"


# More than fit into the cache, or, of those that are too large for it, more than the limit.
@pytest.mark.parametrize(("size", "count"), [(700, 1_600), (2_400, 1_600), (16_000, 500)])
def test_certificates_of_any_size_fill_no_memory(size: int, count: int) -> None:
    template = escaped_pem(size)
    authentication._parse_cached_headers.cache_clear()
    tracemalloc.start()
    try:
        for number in range(count):
            header = other_pem(template, number)
            authentication._parse_headers("FAILED:self-signed certificate", header)
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        authentication._parse_cached_headers.cache_clear()
    assert used <= MAX_BYTES


def test_an_ordinary_certificate_is_remembered() -> None:
    header = escaped_pem(700)
    first = authentication._parse_headers("FAILED:self-signed certificate", header)
    assert authentication._parse_headers("FAILED:self-signed certificate", header) is first
