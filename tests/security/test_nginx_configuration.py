"""The configuration that nginx is given: in every proxied location nginx alone sets the headers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import crossplane
import pytest

from tests.support.stack import Stack

# What the applications believe, and what other proxies call the same things.
BELIEVED = {
    "host",
    "x-client-cert",
    "x-client-verify",
    "x-request-id",
    "x-forwarded-proto",
    "x-real-ip",
    "x-proxy-secret",
}
FOREIGN = {
    "client-cert",
    "client-cert-chain",
    "x-ssl-client-cert",
    "x-ssl-client-verify",
    "x-ssl-cert",
    "x-forwarded-client-cert",
    "x-forwarded-tls-client-cert",
    "x-amzn-mtls-clientcert",
    "x-forwarded-for",
    "x-forwarded-host",
    "forwarded",
}
Block = list[dict[str, Any]]


@pytest.fixture(scope="module")
def servers(stack: Stack) -> list[Block]:
    """Give the servers of the configuration that the running nginx was started with."""
    found = crossplane.parse(
        str(stack.var_dir / "nginx" / "nginx.conf"), combine=True, catch_errors=False
    )
    assert found["status"] == "ok", found["errors"]
    return [one["block"] for one in walk(found["config"][0]["parsed"], "server") if "block" in one]


def walk(block: Block, name: str) -> Iterator[dict[str, Any]]:
    for directive in block:
        if directive["directive"] == name:
            yield directive
        yield from walk(directive.get("block", []), name)


def locations(servers: list[Block]) -> list[dict[str, Any]]:
    return [one for server in servers for one in walk(server, "location")]


def proxied(servers: list[Block]) -> list[dict[str, Any]]:
    passing = ("proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass")
    return [
        one
        for one in locations(servers)
        if any(inner["directive"] in passing for inner in one["block"])
    ]


def headers_of(location: dict[str, Any]) -> dict[str, str]:
    found = [one["args"] for one in location["block"] if one["directive"] == "proxy_set_header"]
    names = [name.lower() for name, _ in found]
    assert len(names) == len(set(names)), f"set twice in {location['args']}"
    return {name.lower(): value for name, value in found}


def test_there_are_two_doors_and_the_locations_that_lead_through_them(
    servers: list[Block],
) -> None:
    assert len(servers) == 2
    assert [one["args"] for one in proxied(servers)] == [
        ["=", "/device_endpoint"],
        ["=", "/device_endpoint/"],
        ["@certificate_rejected"],
        ["/"],
    ]


def test_every_proxied_location_takes_its_headers_from_its_doors_one_file(
    servers: list[Block],
) -> None:
    for location in proxied(servers):
        files = {one["file"] for one in location["block"] if one["directive"].startswith("proxy_")}
        door = "staff" if location["args"] == ["/"] else "device"
        assert {file.rpartition("/")[2] for file in files} == {f"{door}_proxy.conf"}


def test_every_proxied_location_sets_or_removes_each_of_them_once(servers: list[Block]) -> None:
    for location in proxied(servers):
        headers = headers_of(location)
        assert headers.keys() >= BELIEVED | FOREIGN
        assert {headers[name] for name in FOREIGN} == {""}
        assert headers["x-real-ip"] == "$remote_addr"
        assert len(headers["x-proxy-secret"]) >= 32


def test_the_certificate_comes_from_tls_at_the_device_door_and_from_nowhere_at_the_other(
    servers: list[Block],
) -> None:
    for location in proxied(servers):
        headers = headers_of(location)
        found = headers["x-client-cert"], headers["x-client-verify"]
        if location["args"] == ["/"]:
            assert found == ("", "")
        else:
            assert found == ("$ssl_client_escaped_cert", "$ssl_client_verify")


def test_nothing_is_proxied_outside_a_location_or_inside_an_if(servers: list[Block]) -> None:
    inside = sum(len(list(walk(one["block"], "proxy_pass"))) for one in locations(servers))
    everywhere = sum(len(list(walk(server, "proxy_pass"))) for server in servers)
    assert everywhere == inside == len(proxied(servers))
    for server in servers:
        for condition in walk(server, "if"):
            assert {one["directive"] for one in condition["block"]} <= {"return"}


def test_no_header_is_set_where_a_location_would_inherit_or_lose_it(
    servers: list[Block],
) -> None:
    for server in servers:
        assert not [one for one in server if one["directive"] == "proxy_set_header"]


@pytest.mark.parametrize(
    "forbidden", ["rewrite", "perl_set", "js_set", "proxy_pass_request_headers", "resolver"]
)
def test_directives_with_a_history_of_holes_are_not_used(
    servers: list[Block], forbidden: str
) -> None:
    assert not [one for server in servers for one in walk(server, forbidden)]
