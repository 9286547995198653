"""Render the configuration of nginx, the reverse proxy, from the templates in ``nginx/``."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from device_endpoint import nginx_upstreams, server_certificate
from device_endpoint.env import PROJECT_DIR, read_text, socket_folder

TEMPLATES = PROJECT_DIR / "nginx"
MAIN_FILE = "nginx.conf"
# The first version with keepalive_min_timeout.
KEEPALIVE_MIN_TIMEOUT_SINCE = (1, 27, 4)
# The results that "ssl_verify_client optional_no_ca" accepts, in OpenSSL's words.
_UNKNOWN_ISSUER = (
    "self-signed certificate",
    "self-signed certificate in certificate chain",
    "unable to get local issuer certificate",
    "unable to verify the first certificate",
    "certificate not trusted",
)
_NUMBERS = (
    "DEVICE_PORT",
    "MAX_REQUEST_BYTES",
    "REQUESTS_PER_SECOND",
    "MAX_CONNECTIONS_PER_IP",
    "MAX_LARGE_BODIES",
    "MAX_LARGE_BODIES_PER_CERTIFICATE",
)
_VERSION = re.compile(r"nginx/(\d+)\.(\d+)\.(\d+)")
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
TLS_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
# In a quoted string of nginx these characters end it, start a variable or escape.
_UNQUOTABLE = re.compile(r"[\"\\$\x00-\x1f\x7f]")


def render(text: str, values: dict[str, str]) -> str:
    """Return ``text`` with each ``${NAME}`` replaced; raise if a name has no value."""

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if name not in values:
            raise ImproperlyConfigured(f"nginx template: no value for ${{{name}}}.")
        return values[name]

    return _PLACEHOLDER.sub(fill, text)


def check_quotable(name: str, value: str) -> str:
    """Return ``value`` if nginx's configuration can contain it in quotes; raise otherwise."""
    if _UNQUOTABLE.search(value):
        raise ImproperlyConfigured(
            f"{name}={value!r} cannot be written into nginx's configuration: "
            'it contains one of " \\ $ or a control character.'
        )
    return value


def configuration_folder() -> Path:
    """Return the folder of the rendered configuration and of buffered request bodies."""
    configured = read_text("NGINX_DIR")
    return (PROJECT_DIR / configured).resolve() if configured else Path(settings.VAR_DIR) / "nginx"


def command(binary: Path) -> list[str]:
    """Return the command line that runs nginx in the foreground with this configuration."""
    folder = configuration_folder()
    return [str(binary), "-p", f"{folder}/", "-e", "stderr", "-c", str(folder / MAIN_FILE)]


def version_of(binary: Path) -> tuple[int, ...]:
    """Return nginx's version, such as (1, 22, 1), or () if it cannot be read."""
    output = subprocess.run([binary, "-v"], capture_output=True, text=True, check=False).stderr
    match = _VERSION.search(output)
    return tuple(int(part) for part in match.groups()) if match else ()


def write(
    addresses: list[str], version: tuple[int, ...] = (), *, copy_certificate: bool = False
) -> None:
    """Write the configuration for listening on ``addresses`` into ``configuration_folder()``.

    ``version`` is the version of the nginx that will read it; () suits every version. With
    ``copy_certificate`` the server's certificate and key are copied there: an nginx that sees no
    other folder needs no more.
    """
    folder = configuration_folder()
    # Workers of another user pass through it to the request bodies; they cannot read the files.
    folder.mkdir(mode=0o711 if read_text("NGINX_USER") else 0o700, parents=True, exist_ok=True)
    values = template_values(addresses, version)
    if copy_certificate:
        for name, target in (("SERVER_CERTIFICATE", "server.crt"), ("SERVER_KEY", "server.key")):
            _write_private(folder / target, Path(values[name]).read_text())
            values[name] = str(folder / target)
    for template in sorted(TEMPLATES.glob("*.template")):
        # It contains the proxy secret.
        _write_private(folder / template.stem, render(template.read_text(), values))


def _write_private(target: Path, text: str) -> None:
    draft = target.with_name(f"{target.name}.new")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(target)


def template_values(addresses: list[str], version: tuple[int, ...] = ()) -> dict[str, str]:
    """Return the value of every placeholder in the templates."""
    paths = {
        "NGINX_DIR": str(configuration_folder()),
        "RUN_DIR": str(socket_folder("run")),
        "LOG_DIR": read_text("LOG_DIR", str(Path(settings.VAR_DIR) / "log")),
        "SERVER_CERTIFICATE": str(server_certificate.certificate_path()),
        "SERVER_KEY": str(server_certificate.key_path()),
        "PROXY_SECRET": settings.PROXY_SECRET,
    }
    values = {name: check_quotable(name, value) for name, value in paths.items()}
    values |= {name: str(getattr(settings, name)) for name in _NUMBERS}
    values["MAX_SMALL_BODY_BYTES"] = str(
        min(settings.MAX_SMALL_BODY_BYTES, settings.MAX_REQUEST_BYTES)
    )
    return (
        values
        | _upstream_values()
        | {
            "USER_LINE": _user_line(),
            "RSA_CERTIFICATE": _rsa_certificate_lines(),
            "TLS_CIPHERS": ":".join(TLS_CIPHERS),
            "DEVICE_TLS_CIPHERS": ":".join((*TLS_CIPHERS, *settings.EXTRA_TLS_CIPHERS)),
            "RELOAD_GRACE": _reload_grace_line(version),
            "DEVICE_LISTEN": _listen_lines(addresses, settings.DEVICE_PORT),
            "STAFF_LISTEN": _listen_lines(addresses, settings.STAFF_PORT),
            "CLIENT_CERTIFICATE_MODE": _client_certificate_mode(),
            "PRESENTED_VERDICTS": _presented_verdicts(),
            "SERVE_OTHER_NAMES": "1" if "*" in settings.ALLOWED_HOSTS else "0",
            "SERVED_NAMES": _served_names(settings.ALLOWED_HOSTS),
            "HSTS_SECONDS": str(settings.HSTS_SECONDS),
        }
    )


def _upstream_values() -> dict[str, str]:
    values = {}
    for service in ("device", "staff"):
        entries = getattr(settings, f"{service.upper()}_UPSTREAMS")
        path = check_quotable("RUN_DIR", str(socket_folder("run") / f"{service}.sock"))
        lines = nginx_upstreams.server_lines(entries, path)
        values[f"{service.upper()}_SERVERS"] = lines.replace("{zone}", f"{service}_service")
        values[f"{service.upper()}_NEXT_UPSTREAM"] = nginx_upstreams.next_upstream(entries)
    has_hosts = settings.DEVICE_UPSTREAMS or settings.STAFF_UPSTREAMS
    # A host that is down does not refuse connections: they time out.
    return values | {"CONNECT_TIMEOUT": "2s" if has_hosts else "5s"}


def _user_line() -> str:
    if os.geteuid() != 0:
        return "# Runs as the user that starts it."
    # Without a name root's workers would run as nobody, who cannot open the services' sockets.
    return f'user "{check_quotable("NGINX_USER", read_text("NGINX_USER", "root"))}";'


def _rsa_certificate_lines() -> str:
    files = server_certificate.rsa_files()
    if files is None:
        return "# SERVER_CERTIFICATE_RSA adds a certificate for clients that do not speak ECDSA."
    certificate, key = (check_quotable("SERVER_CERTIFICATE_RSA", str(file)) for file in files)
    return f'ssl_certificate "{certificate}";\n    ssl_certificate_key "{key}";'


def _reload_grace_line(version: tuple[int, ...]) -> str:
    if version < KEEPALIVE_MIN_TIMEOUT_SINCE:
        return "# A reload closes idle connections, which a device may be about to use."
    return "keepalive_min_timeout 2s;  # a reload lets a device finish its requests"


def _listen_lines(addresses: list[str], port: int) -> str:
    return "\n".join(f"    listen {address}:{port} ssl default_server;" for address in addresses)


def _client_certificate_mode() -> str:
    authority = read_text("DEVICE_CA")
    if not authority:
        return "    ssl_verify_client optional_no_ca;"
    path = check_quotable("DEVICE_CA", str((PROJECT_DIR / authority).resolve()))
    return f'    ssl_verify_client optional;\n    ssl_client_certificate "{path}";'


def _presented_verdicts() -> str:
    """Return the log's name for the verdicts with which nginx passes a certificate on."""
    if read_text("DEVICE_CA"):
        return "        # Only certificates of DEVICE_CA are accepted."
    texts = [name.replace("-", separator) for name in _UNKNOWN_ISSUER for separator in "- "]
    return "\n".join(f'        "FAILED:{text}" presented;' for text in dict.fromkeys(texts))


def _served_names(hosts: list[str]) -> str:
    names = sorted({check_quotable("ALLOWED_HOSTS", host.lower()) for host in hosts} - {"*"})
    return "\n".join(f'        "{name}" 1;' for name in names)
