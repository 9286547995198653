"""Every page of the staff site, crawled: nothing inline, nothing unescaped, every header."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client

from tests.identities.admin_pages import barred, links
from tests.security.populated_site import (
    CANARY,
    World,
    make,
    patterns,
)

pytestmark = pytest.mark.slow

# What ends an attribute or begins an element, if it stands in a page as it was set.
UNESCAPED = re.compile(r"<svg onload|kanarie\">|&lt;svg onload[^&]*>", re.IGNORECASE)
HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@pytest.fixture
def world(db: None) -> World:
    return make()


def crawl(client: Client, world: World) -> Iterator[tuple[str, HttpResponseBase]]:
    """GET every pattern, and what those pages link to: filters and orders one at a time."""
    waiting = [world.address(pattern) for pattern in patterns()]
    first, seen = set(waiting), set[str]()
    while waiting:
        address = waiting.pop()
        plain = address.partition("#")[0]
        if plain in seen or not plain.startswith("/") or plain.startswith("/static/"):
            continue
        seen.add(plain)
        answer = client.get(plain, headers={"User-Agent": CANARY})
        yield plain, answer
        if plain in first and isinstance(answer, HttpResponse) and is_page(answer):
            found = links(answer.content.decode())
            base = plain.partition("?")[0]
            waiting += [base + one if one.startswith("?") else one for one in found]
    assert len(seen) > 100


def is_page(answer: HttpResponseBase) -> bool:
    return answer.headers.get("Content-Type", "").startswith("text/html")


def test_no_page_shows_a_text_unescaped_or_holds_anything_inline(
    admin: Client, world: World
) -> None:
    shown = 0
    for address, answer in crawl(admin, world):
        assert answer.status_code != 500, address
        if not is_page(answer) or not isinstance(answer, HttpResponse):
            continue
        page = answer.content.decode()
        assert UNESCAPED.search(page) is None, address
        assert "alert(1)>" not in page, address
        assert barred(page) == [], address
        shown += "svg onload" in page
    assert shown > 40, "the canary has to be on the pages for this to say anything"


def test_every_response_has_the_security_headers(admin: Client, world: World) -> None:
    for address, answer in crawl(admin, world):
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, address
        assert "camera=()" in answer.headers["Permissions-Policy"], address
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, address
        assert "unsafe" not in policy, address
        cached = answer.headers["Cache-Control"]
        assert "no-store" in cached or "private" in cached, (address, cached)


def test_cookies_are_bound_to_this_host_and_port(admin: Client, world: World) -> None:
    admin.get("/admin/")
    cookies = list(admin.cookies.values())
    assert len(cookies) == 2
    for cookie in cookies:
        assert re.fullmatch(r"__Host-(session|csrf)-\d+", cookie.key)
        assert (cookie["secure"], cookie["httponly"]) == (True, True)
        assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Strict", "/", "")


def test_a_session_ends_with_the_browser_or_after_half_an_hour(db: None, admin: Client) -> None:
    admin.get("/admin/")
    session = next(one for one in admin.cookies.values() if "session" in one.key)
    assert (session["expires"], session["max-age"]) == ("", "")
    assert admin.session.get_expire_at_browser_close()
    assert admin.session.get_expiry_age() == 1800


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "state__exact=a%00",
        "state__exact=nowhere",
        "identity__id__exact=x",
        "identity=2024-13-45",
        "identity=" + "9" * 40,
        "identity__id__exact=" + "9" * 40,
        "bound_with__id__exact=%ff",
        "q=%ed%a0%80%f0%9f%92%a9",
        "p=-1",
        "o=99.-99",
        "at__year=99999",
        "after=a/b/c",
        "next=%00",
        "password__startswith=pbkdf2",
        "identity__keys__digest__startswith=a",
    ],
)
def test_no_query_makes_a_page_fail(admin: Client, world: World, query: str) -> None:
    for pattern in patterns():
        if pattern.startswith("admin/") and "<" not in pattern and "logout" not in pattern:
            answer = admin.get(f"/{pattern}?{query}")
            assert answer.status_code < 500, (pattern, query)
