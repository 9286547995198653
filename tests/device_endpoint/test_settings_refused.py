"""An unusable setting ends the start with one line: name, value, expected values."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.programs import run_program
from tests.support.stack import clean_environment

MANAGE = ["manage.py", "check"]
GUNICORN = ["-m", "gunicorn", "--config", "device_endpoint/gunicorn_conf.py"]
PROGRAMS = {
    "manage": MANAGE,
    "device": [*GUNICORN, "device_endpoint.device_wsgi:application"],
    "staff": [*GUNICORN, "device_endpoint.staff_wsgi:application"],
}
# Their values are not repeated: they may contain a password or a secret.
OF_ALERTS = [
    ("EMAIL_URL", "http://u:hunter2@mail", "expected smtp://, smtp+tls:// or smtp+ssl://"),
    ("EMAIL_URL", "smtp://u:hunter2@mail:99999", "expected smtp://"),
    ("EMAIL_FROM", "hunter2", "expected an address"),
    ("ALERT_EMAIL_RECIPIENTS", "ada@example.org hunter2", "expected addresses"),
    ("ALERT_WEBHOOK_URL", "http://hunter2.example.org/", "expected https://HOST/PATH"),
    ("ALERT_WEBHOOK_URL", "https://u:hunter2@example.org/", "expected https://HOST/PATH"),
    ("ALERT_STUDY_WEBHOOKS", '{"A": {"url": "http://hunter2/"}}', 'expected {"STUDY": {"url"'),
    ("OIDC_ISSUER", "http://u:hunter2@example.org/", "expected https://HOST/PATH"),
    ("OIDC_GROUPS", '{"hunter2": ["A", "owner"]}', 'expected {"GROUP": ["STUDY", "viewer"]'),
    ("QUIET_HOURS", "22-7 hunter2", "expected 22:00-07:00"),
    ("QUIET_HOURS_TIME_ZONE", "Europe/hunter2", "expected a zone such as Europe/Berlin"),
]
READ_BY_ALL = [
    ("DEVICE_PORT", "99999", "expected a whole number from 1 to 65535"),
    ("MAX_FILES_PER_REQUEST", "none", "expected a whole number from 1"),
    ("LENIENT_BOUNDARY", "perhaps", "expected 1/0, true/false, yes/no or on/off"),
    ("DURABILITY_CHECK", "maybe", "expected one of refuse, warn"),
    ("MIN_SAMPLE_DATE", "soon", "expected a day, such as 2000-01-31"),
    ("LOG_LEVEL", "LOUD", "expected one of DEBUG, INFO, WARNING, ERROR"),
    ("LOG_FORMAT", "xml", "expected one of text, json"),
    ("SECRET_KEY_FILE", "/there/is/no/such/file", "cannot be read: No such file"),
]


def _start(program: str, folder: Path, **environment: str) -> list[str]:
    service = {} if program == "manage" else {"SERVICE": program}
    given = clean_environment(VAR_DIR=str(folder)) | service | environment
    run = run_program(*PROGRAMS[program], environment=given)
    assert run.returncode == (1 if program == "manage" else 78)
    assert run.stdout == ""
    return run.stderr.splitlines()


# The services share the code that refuses settings: one example of the staff site is enough.
@pytest.mark.parametrize(
    ("program", "name", "value", "remedy"),
    [("staff", *READ_BY_ALL[0])]
    + [(program, *case) for program in ("manage", "device") for case in READ_BY_ALL],
)
def test_one_line_has_the_setting_the_value_and_the_remedy(
    tmp_path: Path, program: str, name: str, value: str, remedy: str
) -> None:
    (line,) = _start(program, tmp_path, **{name: value})
    assert line.startswith(f"{name}=")
    assert value in line
    assert remedy in line


@pytest.mark.parametrize(
    "address", ["mysql://me:hunter2@db/name", "postgres://me:hunter2@db:port/name", "hunter2"]
)
@pytest.mark.parametrize("program", ["manage", "device"])
def test_a_database_address_is_not_repeated(tmp_path: Path, program: str, address: str) -> None:
    (line,) = _start(program, tmp_path, DATABASE_URL=address)
    assert line.startswith("DATABASE_URL cannot be used: expected postgres://")
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("program", "name"), [("device", "DEVICE_WORKERS"), ("staff", "STAFF_THREADS")]
)
def test_gunicorn_s_own_settings_are_refused_alike(tmp_path: Path, program: str, name: str) -> None:
    (line,) = _start(program, tmp_path, **{name: "many"})
    assert line == f"{name}='many' cannot be used: expected a whole number from 1 to 1024."


@pytest.mark.parametrize(("name", "value", "expected"), OF_ALERTS)
def test_an_alert_setting_is_refused_without_its_value(
    tmp_path: Path, name: str, value: str, expected: str
) -> None:
    output = "\n".join(_start("manage", tmp_path, **{name: value}))
    assert f"{name} cannot be used: {expected}" in output
    assert "hunter2" not in output


def test_a_webhook_needs_a_secret(tmp_path: Path) -> None:
    for secret in ("", "too-short", "c2hvcnQ="):
        settings = {"ALERT_WEBHOOK_URL": "https://example.org/", "ALERT_WEBHOOK_SECRET": secret}
        [line] = _start("manage", tmp_path, **settings)
        assert "ALERT_WEBHOOK_SECRET cannot be used: expected 24 random bytes" in line
