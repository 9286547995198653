"""What was tried against the product and held, by point: ``make trust`` (``ONLY=header``).

Each point of docs/explanation/threat-model.md is a set of test files, run against the real nginx,
gunicorn and PostgreSQL. Printed is one line a point: cases tried, cases held.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

POINTS = {
    "header": (
        "tests/security/test_nginx_configuration.py",
        "tests/security/test_forged_headers.py",
        "tests/security/test_doctor.py",
        "tests/device_api/test_bad_certificate_headers.py",
    ),
    "certificates": (
        "tests/certificates",
        "tests/device_api/test_bad_certificates.py",
        "tests/device_api/test_contract_settings.py",
        "tests/device_api/test_contract_suspension.py",
    ),
    "keys": (
        "tests/registration",
        "tests/device_api/test_contract_registration.py",
        "tests/device_api/test_contract_renewal.py",
        "tests/device_api/test_contract_throttle.py",
        "tests/device_api/test_registrations_in_parallel.py",
        "tests/device_api/test_quotas.py",
        "tests/security/test_secret_leakage.py",
    ),
    "input": (
        "tests/device_api/test_bad_http.py",
        "tests/device_api/test_bad_inputs.py",
        "tests/device_api/test_bad_input_catalogue.py",
        "tests/device_api/test_slow_clients.py",
        "tests/device_api/test_contract_gzip.py",
        "tests/device_api/test_contract_limits.py",
        "tests/framing",
    ),
    "staff": (
        "tests/security/test_audit_log.py",
        "tests/security/test_audit_log_of_commands.py",
        "tests/security/test_login_throttle.py",
        "tests/security/test_pages.py",
        "tests/security/test_roles.py",
        "tests/security/test_mfa.py",
        "tests/security/test_csv_injection.py",
    ),
    "hygiene": (
        "tests/security/test_dependency_audit.py",
        "tests/security/test_deploy_checks.py",
        "tests/security/test_threat_model.py",
    ),
}


def run(paths: Sequence[str]) -> tuple[int, int, list[str]]:
    """Run the tests in ``paths``; return how many were tried, how many held, and which did not."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-m", "not debian"]
        subprocess.run(
            [*command, f"--junitxml={report}", *paths], stdout=subprocess.DEVNULL, check=False
        )
        cases = list(ET.parse(report).iter("testcase"))  # noqa: S314 - pytest's own
    broken = [
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    return len(cases), len(cases) - len(broken), broken


def main() -> int:
    """Run the points that are asked for; return 1 if a case did not hold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("points", nargs="*", metavar="POINT", help=", ".join(POINTS))
    asked = parser.parse_args().points or list(POINTS)
    if unknown := set(asked) - set(POINTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(POINTS)}")
    every_case_held = True
    for point in asked:
        tried, held, broken = run(POINTS[point])
        sys.stdout.write(f"{point}: {tried} cases tried, {held} held\n")
        sys.stdout.writelines(f"  {case}\n" for case in broken)
        sys.stdout.flush()
        every_case_held &= held == tried > 0
    return 0 if every_case_held else 1


if __name__ == "__main__":
    sys.exit(main())
