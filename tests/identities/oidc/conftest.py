"""An identity provider in a process of its own, and a visitor who signs in through it."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.http.response import HttpResponseBase
from django.test import Client
from pytest_django import Settings

from tests.support.stack import free_ports

CLIENT_SECRET = "the-secret-of-this-client"
START, CALLBACK = "/admin/oidc/", "/admin/oidc/callback/"


@dataclass
class Provider:
    """The provider; ``seen`` holds what no log may hold: codes, states, nonces, challenges."""

    url: str
    seen: list[str] = field(default_factory=list)

    def set_user(self, subject: str, **claims: Any) -> None:
        answer = requests.put(f"{self.url}/users/{subject}", json=claims, timeout=10)
        answer.raise_for_status()

    def approve(self, address: str, subject: str) -> str:
        """Sign in at the provider as ``subject``; return the query that leads back."""
        asked = urlsplit(address)
        # Not by requests, which logs addresses at debug level.
        connection = http.client.HTTPConnection(asked.netloc, timeout=10)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", f"{asked.path}?{asked.query}", f"sub={subject}", headers)
        location = urlsplit(connection.getresponse().headers["Location"])
        connection.close()
        assert location.path == CALLBACK
        for query in (asked.query, location.query):
            for name, values in parse_qs(query).items():
                if name in ("code", "state", "nonce", "code_challenge"):
                    self.seen += values
        return location.query

    def sign_in(self, visitor: Client, subject: str, following: str = "") -> HttpResponseBase:
        """Return the answer to the redirect that leads back from the provider."""
        answer = visitor.get(START, {"next": following} if following else {})
        assert answer.status_code == 302, answer.content
        query = self.approve(answer.headers["Location"], subject)
        back: HttpResponseBase = visitor.get(f"{CALLBACK}?{query}")
        return back


@pytest.fixture(scope="session")
def running_provider() -> Iterator[str]:
    [port] = free_ports(1)
    command = ["-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, *command, "--require-nonce", "True"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                requests.get(f"{url}/jwks", timeout=10)
                break
            except requests.ConnectionError:
                assert process.poll() is None
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def provider(running_provider: str, settings: Settings, db: None) -> Provider:
    settings.OIDC_ISSUER = running_provider
    settings.OIDC_CLIENT_ID = "device-endpoint"
    settings.OIDC_CLIENT_SECRET = CLIENT_SECRET
    settings.OIDC_GROUPS = {
        "a-viewers": ("Study A", "viewer"),
        "a-managers": ("study a", "data manager"),
        "b-admins": ("Study B", "study admin"),
        "nowhere": ("Study Z", "viewer"),
        "analysts": "analysts",
        "root": "superusers",
    }
    return Provider(running_provider)


@pytest.fixture
def visitor() -> Client:
    return Client(headers={"X-Forwarded-Proto": "https"})
