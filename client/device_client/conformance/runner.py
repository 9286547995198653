"""Run the checks in order, each once, whatever became of those before."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from device_client.conformance import (
    checks_certificate,
    checks_http,
    checks_registration,
    checks_tls,
    checks_upload,
)
from device_client.conformance.raw_http import Failed
from device_client.conformance.target import Subject

Check = Callable[[Subject], None]

# Registration in the middle of the certificate's checks: some are about before, some after.
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
    """One check: its name, what it shows, and what was found instead (empty: it holds)."""

    name: str
    shows: str
    found: str

    @property
    def holds(self) -> bool:
        """Tell whether the check holds."""
        return not self.found

    def line(self) -> str:
        """Return the result as a line of text."""
        return f"{'ok' if self.holds else 'FAIL':<5} {self.name:<30} {self.found or self.shows}"

    def as_json(self) -> dict[str, object]:
        """Return the result as JSON writes it."""
        return {"name": self.name, "ok": self.holds, "shows": self.shows, "found": self.found}


def name_of(check: Check) -> str:
    """Return the name that a check is reported by."""
    return check.__name__


def shows(check: Check) -> str:
    """Return what a check shows: the first line of its docstring."""
    return (check.__doc__ or "").partition("\n")[0].rstrip(".")


def run(subject: Subject) -> Iterator[Result]:
    """Yield the result of each check."""
    for check in CHECKS:
        yield Result(name_of(check), shows(check), _found(check, subject))


def _found(check: Check, subject: Subject) -> str:
    try:
        check(subject)
    except Failed as failure:
        return str(failure)
    except ssl.SSLCertVerificationError as error:
        return f"the server is not trusted: {error.verify_message}; name its authority (--cacert)"
    except OSError as error:
        return f"no answer: {error.strerror or type(error).__name__}"
    return ""
