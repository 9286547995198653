"""The rendered nginx configuration: values, and headers of proxied locations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import crossplane
import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from device_endpoint import env, nginx_config, nginx_upstreams
from device_endpoint.supervisor.executables import nginx_binary

Block = dict[str, Any]
APPLICATION_HEADERS = {
    "Host",
    "X-Client-Cert",
    "X-Client-Verify",
    "X-Request-ID",
    "X-Forwarded-Proto",
    "X-Real-IP",
    "X-Proxy-Secret",
}


@pytest.fixture
def written(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the configuration into a folder and return that of nginx."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    settings.VAR_DIR = tmp_path
    nginx_config.write(["127.0.0.1", "[::1]"])
    return nginx_config.configuration_folder()


def directives(folder: Path) -> list[Block]:
    parsed = crossplane.parse(str(folder / nginx_config.MAIN_FILE), combine=True)
    assert parsed["errors"] == []
    return list(parsed["config"][0]["parsed"])


def walk(blocks: list[Block], within: tuple[Block, ...] = ()) -> Iterator[tuple[Block, ...]]:
    for block in blocks:
        yield (*within, block)
        yield from walk(block.get("block") or [], (*within, block))


def servers(folder: Path) -> dict[str, Block]:
    found = [path[-1] for path in walk(directives(folder)) if path[-1]["directive"] == "server"]
    by_upstream = {}
    for server in (one for one in found if one.get("block")):
        proxied = [
            path[-1]["args"][0] for path in walk([server]) if path[-1]["directive"] == "proxy_pass"
        ]
        by_upstream[proxied[0].removeprefix("http://")] = server
    return by_upstream


def own(block: Block, name: str) -> list[list[str]]:
    return [one["args"] for one in block["block"] if one["directive"] == name]


def test_every_proxied_location_sets_every_header_itself(written: Path) -> None:
    proxied = [
        path[-2] for path in walk(directives(written)) if path[-1]["directive"] == "proxy_pass"
    ]
    assert len(proxied) == 7
    for location in proxied:
        headers = dict(own(location, "proxy_set_header"))
        assert set(headers) >= APPLICATION_HEADERS
        assert location["directive"] == "location"


def test_no_header_is_set_outside_a_proxied_location(written: Path) -> None:
    for path in walk(directives(written)):
        if path[-1]["directive"] == "proxy_set_header":
            assert own(path[-2], "proxy_pass") != []


def test_the_device_api_passes_the_certificate_on(written: Path) -> None:
    for path in walk([servers(written)["device_service"]]):
        if path[-1]["directive"] == "proxy_pass":
            headers = dict(own(path[-2], "proxy_set_header"))
            assert headers["X-Client-Cert"] == "$ssl_client_escaped_cert"
            assert headers["X-Client-Verify"] == "$ssl_client_verify"
            assert headers["Host"] == "$http_host"


def test_the_staff_site_requests_and_passes_no_certificate(written: Path) -> None:
    server = servers(written)["staff_service"]
    assert own(server, "ssl_verify_client") == []
    for path in walk([server]):
        if path[-1]["directive"] == "proxy_pass":
            headers = dict(own(path[-2], "proxy_set_header"))
            assert headers["X-Client-Cert"] == headers["X-Client-Verify"] == ""


def test_each_service_listens_on_its_port_and_every_address(
    written: Path, settings: Settings
) -> None:
    ports = {"device_service": settings.DEVICE_PORT, "staff_service": settings.STAFF_PORT}
    for service, port in ports.items():
        listening = [arguments[0] for arguments in own(servers(written)[service], "listen")]
        assert listening == [f"127.0.0.1:{port}", f"[::1]:{port}"]


def test_every_error_page_of_nginx_has_a_json_body(written: Path) -> None:
    server = servers(written)["device_service"]
    targets = {arguments[-1] for arguments in own(server, "error_page")}
    locations = {arguments[-1]: True for arguments in own(server, "location")}
    assert targets <= set(locations)
    problems = [one for one in server["block"] if one["args"][:1] == ["="]]
    for location in (one for one in problems if one["args"][1].startswith("/problem/")):
        assert own(location, "internal") == [[]]
        body = own(location, "return")[0][1]
        # What the application refuses has its own body.
        is_json = body == "$refusal" or body.startswith('{"type":"urn:device-endpoint:')
        assert is_json, location["args"]


def test_a_long_body_is_read_in_one_location_only(written: Path) -> None:
    server = servers(written)["device_service"]
    limited = {
        location["args"][-1]: own(location, "client_max_body_size") + own(location, "limit_conn")
        for location in (path[-1] for path in walk([server]))
        if location["directive"] == "location" and own(location, "proxy_pass")
    }
    connections = ["device_connections", "256"]
    assert limited == {
        "/device_endpoint": [connections],
        "/device_endpoint/": [connections],
        "@certificate_rejected": [connections],
        "/body_check": [],
        "@large_body": [
            ["large_bodies", "64"],
            ["large_bodies_by_certificate", "8"],
            connections,
        ],
        "@chunked_body": [["65536"], connections],
    }


def test_each_listener_counts_its_connections_in_its_own_zone(written: Path) -> None:
    zones = {
        service: {
            path[-1]["args"][0]
            for path in walk([server])
            if path[-1]["directive"] == "limit_conn" and "connections" in path[-1]["args"][0]
        }
        for service, server in servers(written).items()
    }
    assert zones == {
        "device_service": {"device_connections"},
        "staff_service": {"staff_connections"},
    }


def test_device_ca_restricts_certificates_to_that_authority(
    written: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings
) -> None:
    assert own(servers(written)["device_service"], "ssl_verify_client") == [["optional_no_ca"]]
    settings.DEVICE_CA = str(tmp_path / "device-ca.crt")
    monkeypatch.setenv("DEVICE_CA", settings.DEVICE_CA)
    nginx_config.write(["127.0.0.1"])
    server = servers(written)["device_service"]
    assert own(server, "ssl_verify_client") == [["optional"]]
    assert own(server, "ssl_client_certificate") == [[settings.DEVICE_CA]]


def test_names_with_wildcards_are_served(written: Path, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["Data.Example.org", ".example.net"]
    nginx_config.write(["127.0.0.1"])
    text = (written / "nginx.conf").read_text()
    assert '"data.example.org" 1;' in text
    assert '".example.net" 1;' in text
    assert "default 0;" in text


def test_an_unknown_placeholder_is_an_error() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"no value for \$\{NAME\}"):
        nginx_config.render("listen ${NAME};", {"OTHER": "x"})


def test_variables_of_nginx_are_not_replaced() -> None:
    assert nginx_config.render("$host ${PORT}", {"PORT": "1"}) == "$host 1"


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a$b", "a\nb", "a\x7f"])
def test_a_value_that_ends_a_quoted_string_is_refused(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="VAR_DIR"):
        nginx_config.check_quotable("VAR_DIR", value)


@pytest.mark.parametrize("value", ["/a folder/with spaces", "/a;b{c}", "/ä/#"])
def test_other_characters_can_be_quoted(value: str) -> None:
    assert nginx_config.check_quotable("VAR_DIR", value) == value


def test_without_upstreams_requests_go_to_this_host(written: Path) -> None:
    found = upstream_of(written, "device_service")
    assert [one["args"][0] for one in found if one["directive"] == "server"] == [
        f"unix:{env.socket_folder('run') / 'device.sock'}"
    ]
    assert next_upstream(written, "device_service") == ["off"]


def test_requests_are_balanced_and_no_post_is_repeated(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    settings.VAR_DIR = tmp_path
    settings.DEVICE_UPSTREAMS = ["unix", "10.0.0.2:9001", "[fd00::3]:9001"]
    nginx_config.write(["127.0.0.1"])
    folder = nginx_config.configuration_folder()
    found = upstream_of(folder, "device_service")
    servers = [one["args"][0] for one in found if one["directive"] == "server"]
    assert servers[1:] == ["10.0.0.2:9001", "[fd00::3]:9001"]
    assert {"directive": "least_conn", "args": []}.items() <= found[1].items()
    assert next_upstream(folder, "device_service") == ["error", "timeout"]
    assert next_upstream(folder, "staff_service") == ["off"]


@pytest.mark.parametrize(
    "entry", ["host", "host:0", "host:70000", "http://host:80", "a b:1", 'h";:1', "::1:80", ":80"]
)
def test_an_invalid_upstream_is_refused_with_its_name(entry: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^DEVICE_UPSTREAMS="):
        nginx_upstreams.check("DEVICE_UPSTREAMS", [entry])


def upstream_of(folder: Path, name: str) -> list[Block]:
    (found,) = [
        path[-1]
        for path in walk(directives(folder))
        if path[-1]["directive"] == "upstream" and path[-1]["args"] == [name]
    ]
    return list(found["block"])


def next_upstream(folder: Path, upstream: str) -> list[str]:
    found = [path[-1] for path in walk([servers(folder)[upstream]])]
    rules = {tuple(one["args"]) for one in found if one["directive"] == "proxy_next_upstream"}
    (rule,) = rules
    return list(rule)


@pytest.mark.parametrize(
    ("version", "is_known"), [((), False), ((1, 22, 1), False), ((1, 27, 4), True)]
)
def test_keepalive_min_timeout_is_used_if_nginx_knows_it(
    written: Path, version: tuple[int, ...], is_known: bool
) -> None:
    nginx_config.write(["127.0.0.1"], version)
    names = {path[-1]["directive"] for path in walk(directives(written))}
    assert ("keepalive_min_timeout" in names) == is_known


def test_the_version_of_the_installed_nginx_is_read() -> None:
    assert nginx_config.version_of(nginx_binary()) >= (1, 22)
