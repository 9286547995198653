"""Looks at a live installation and says what is good, what to keep an eye on and what is wrong.

One module for each kind of check; each has ``look()``, which returns findings. Nothing is
changed: what is sent to the doors are requests without side effects.
"""

from __future__ import annotations

from device_endpoint.doctor import (
    claims,
    configuration,
    credentials,
    database,
    doors,
    files,
)
from device_endpoint.doctor.findings import Finding


def examine() -> list[Finding]:
    """Return the findings of every check, in the order in which to mend them."""
    looked = [*configuration.look(), *files.look(), *database.look()]
    if any(one.name == "database" and one.level == "FAIL" for one in looked):
        return [*looked, *doors.look(), *claims.look()]
    return [*looked, *credentials.look(), *doors.look(), *claims.look()]
