"""docs/reference/protocol.md tells the TLS and the timeouts that nginx is configured with."""

from __future__ import annotations

import re
from pathlib import Path

from device_endpoint import nginx_config
from device_endpoint.settings import base

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs/reference/protocol.md").read_text()


def _section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_cipher_suites_are_those_of_nginx() -> None:
    own, _, further = _section("TLS").partition("`EXTRA_TLS_CIPHERS`")
    suite = r"`([A-Z0-9]+(?:-[A-Z0-9]+)+)`"
    assert tuple(re.findall(suite, own)) == nginx_config.TLS_CIPHERS
    assert tuple(re.findall(suite, further)) == base.EXTRA_TLS_CIPHER_CHOICES


def test_seconds_of_silence_are_those_of_nginx() -> None:
    template = (PROJECT / "nginx/nginx.conf.template").read_text()
    configured = dict(re.findall(r"^    (\w+_timeout) (\d+)s;", template, re.MULTILINE))
    documented = re.findall(r"\| (\d+) s \|$", _section("Connections"), re.MULTILINE)
    header = configured["client_header_timeout"]
    others = ("client_body_timeout", "keepalive_timeout", "send_timeout")
    assert documented == [header, header, *(configured[name] for name in others)]
