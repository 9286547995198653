"""Looks at a live installation and says what is good, what to keep an eye on and what is wrong.

One module for each kind of check; each has ``look()``, which returns findings. Nothing is
changed: what is sent to the doors are requests without side effects.
"""

from __future__ import annotations

from device_endpoint.doctor import (
    credentials,
    database,
    endpoints,
    filesystem,
    header_spoofing,
    system_checks,
)
from device_endpoint.doctor.results import Finding


def run_all() -> list[Finding]:
    """Return the findings of every check, in the order in which to mend them."""
    looked = [*system_checks.run(), *filesystem.run(), *database.run()]
    if any(one.name == "database" and one.level == "FAIL" for one in looked):
        return [*looked, *endpoints.run(), *header_spoofing.run()]
    return [*looked, *credentials.run(), *endpoints.run(), *header_spoofing.run()]
