"""The command ``check``: run all conformance checks in order; a failure does not stop the run."""

from __future__ import annotations

import argparse
import json
import ssl
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from device_client.api import complete_url
from device_client.atomic_files import write_private
from device_client.certificate import combine_authorities
from device_client.commands import read_psk
from device_client.conformance import (
    checks_certificate,
    checks_http,
    checks_registration,
    checks_tls,
    checks_upload,
)
from device_client.conformance.raw_http import CheckFailed
from device_client.conformance.target import Target

Check = Callable[[Target], None]

# Some certificate checks need a device that is not registered yet, others a registered one.
CHECKS: tuple[Check, ...] = (
    *checks_certificate.BEFORE_REGISTRATION,
    *checks_registration.CHECKS,
    *checks_certificate.AFTER_REGISTRATION,
    *checks_tls.CHECKS,
    *checks_upload.CHECKS,
    *checks_http.CHECKS,
    *checks_registration.LAST,
)


@dataclass(frozen=True)
class Result:
    """The result of one check: its name, its description and its failure (empty: passed)."""

    name: str
    description: str
    failure: str

    @property
    def has_passed(self) -> bool:
        return not self.failure

    def format_line(self) -> str:
        state = "ok" if self.has_passed else "FAIL"
        return f"{state:<5} {self.name:<30} {self.failure or self.description}"

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "ok": self.has_passed,
            "shows": self.description,
            "found": self.failure,
        }


def check(options: argparse.Namespace) -> int:
    """Print a line for each check, or one JSON document; return 1 if a check fails."""
    results = _run_checks(options)
    failed = sum(not result.has_passed for result in results)
    if options.json:
        document = {
            "url": complete_url(options.url),
            "ok": not failed,
            "passed": len(results) - failed,
            "failed": failed,
            "checks": [result.as_json() for result in results],
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        sys.stdout.write(f"{len(results) - failed} of {len(results)} checks passed\n")
    return 1 if failed else 0


def _run_checks(options: argparse.Namespace) -> list[Result]:
    psk = read_psk(options.psk)
    bundle = combine_authorities(options.cacert)
    results = []
    with tempfile.TemporaryDirectory(prefix="device-check-") as name:
        folder = Path(name)
        write_private(folder / "authorities.pem", bundle)
        target = Target(options.url, psk, folder / "authorities.pem", folder)
        for function in CHECKS:
            result = Result(function.__name__, describe(function), _find_failure(function, target))
            results.append(result)
            if not options.json:
                sys.stdout.write(result.format_line() + "\n")
                sys.stdout.flush()
    return results


def describe(function: Check) -> str:
    """Return the first line of a check's docstring."""
    return (function.__doc__ or "").partition("\n")[0].rstrip(".")


def _find_failure(function: Check, target: Target) -> str:
    try:
        function(target)
    except CheckFailed as failure:
        return str(failure)
    except ssl.SSLCertVerificationError as error:
        return f"the server is not trusted: {error.verify_message}; name its authority (--cacert)"
    except OSError as error:
        return f"no response: {error.strerror or type(error).__name__}"
    return ""
