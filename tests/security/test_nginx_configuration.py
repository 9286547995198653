"""The configuration of the running nginx: it sets every trusted header in every location."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import crossplane
import pytest

from tests.support.stack import Stack

# The headers that the services trust, and names of other proxies for the same purpose.
TRUSTED = {
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
    """Give the server blocks of the running nginx's configuration."""
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


def test_there_are_two_servers_with_these_proxied_locations(
    servers: list[Block],
) -> None:
    assert len(servers) == 2
    assert [one["args"] for one in proxied(servers)] == [
        ["=", "/device_endpoint"],
        ["=", "/device_endpoint/"],
        ["@certificate_rejected"],
        ["=", "/body_check"],
        ["@large_body"],
        ["@chunked_body"],
        ["/"],
    ]


def test_each_way_to_a_body_asks_first(servers: list[Block]) -> None:
    entrances = [["=", "/device_endpoint"], ["=", "/device_endpoint/"], ["@certificate_rejected"]]
    for location in (one for one in locations(servers) if one["args"] in entrances):
        conditions = {tuple(one["args"]): one["block"][0] for one in walk(location["block"], "if")}
        assert conditions["$body_route", "=", "large"]["args"] == ["418"]
        assert conditions["$body_route", "=", "chunked"]["args"] == ["419"]
    by_args = {one["args"][-1]: one["block"] for one in locations(servers)}
    pages = {one["args"][0]: one["args"][-1] for one in walk(servers[0], "error_page")}
    assert (pages["418"], pages["419"]) == ("@large_body_check", "@chunked_body")
    for name in ("@large_body_check", "@chunked_body"):
        assert [one["args"] for one in walk(by_args[name], "auth_request")] == [["/body_check"]]
    assert list(walk(by_args["@large_body_check"], "proxy_pass")) == []
    assert pages["401"] == "@large_body"  # nothing else leads there
    assert [one["args"] for one in walk(by_args["/body_check"], "internal")] == [[]]
    assert [one["args"] for one in walk(by_args["/body_check"], "proxy_pass_request_body")] == [
        ["off"]
    ]


def test_each_location_includes_the_header_file_of_its_service(
    servers: list[Block],
) -> None:
    for location in proxied(servers):
        files = {one["file"] for one in location["block"] if one["directive"] == "proxy_pass"}
        service = "staff" if location["args"] == ["/"] else "device"
        assert {file.rpartition("/")[2] for file in files} == {f"{service}_proxy.conf"}


def test_every_location_sets_or_removes_each_header_once(servers: list[Block]) -> None:
    for location in proxied(servers):
        headers = headers_of(location)
        assert headers.keys() >= TRUSTED | FOREIGN
        assert {headers[name] for name in FOREIGN} == {""}
        assert headers["x-real-ip"] == "$remote_addr"
        assert len(headers["x-proxy-secret"]) >= 32


def test_only_the_device_api_passes_a_certificate_from_tls(
    servers: list[Block],
) -> None:
    for location in proxied(servers):
        headers = headers_of(location)
        found = headers["x-client-cert"], headers["x-client-verify"]
        if location["args"] == ["/"]:
            assert found == ("", "")
        else:
            assert found == ("$ssl_client_escaped_cert", "$ssl_client_verify")


def test_nothing_is_proxied_outside_a_location_or_in_an_if(servers: list[Block]) -> None:
    inside = sum(len(list(walk(one["block"], "proxy_pass"))) for one in locations(servers))
    everywhere = sum(len(list(walk(server, "proxy_pass"))) for server in servers)
    assert everywhere == inside == len(proxied(servers))
    for server in servers:
        for condition in walk(server, "if"):
            assert {one["directive"] for one in condition["block"]} <= {"return"}


def test_no_header_is_set_at_server_level(
    servers: list[Block],
) -> None:
    for server in servers:
        assert not [one for one in server if one["directive"] == "proxy_set_header"]


@pytest.mark.parametrize(
    "forbidden", ["rewrite", "perl_set", "js_set", "proxy_pass_request_headers", "resolver"]
)
def test_directives_known_for_vulnerabilities_are_not_used(
    servers: list[Block], forbidden: str
) -> None:
    assert not [one for server in servers for one in walk(server, forbidden)]
