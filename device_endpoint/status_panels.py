"""The panels of the status home about the installation: database, disk, services, doctor."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from analysis.admin.status_home import Panel
from device_endpoint.health import OK, database_checks, disk_check, mib
from ingest.storage import disk_space


def describe_installation(request: HttpRequest) -> list[Panel]:
    """Return database and disk, and for superusers the link to the doctor."""
    panels = [_describe_database(), _describe_disk()]
    if getattr(request.user, "is_superuser", False):
        panels.append(Panel(_("Doctor"), _("checks everything, in seconds"), url=reverse("doctor")))
    return panels


def _describe_database() -> Panel:
    wrong = {name: state for name, state in database_checks().items() if state != OK}
    if not wrong:
        return Panel(_("Database"), _("answers, commits are durable"))
    return Panel(_("Database"), "; ".join(f"{name}: {wrong[name]}" for name in wrong), "error")


def _describe_disk() -> Panel:
    state = disk_check()
    if state != OK:
        return Panel(_("Disk"), f"{_('uploads are paused')}: {state}", "error")
    free = [folder.free for folder in disk_space.measure() if folder.free is not None]
    if not free:
        return Panel(_("Disk"), _("its free space cannot be read"), "warning")
    needed = settings.MIN_FREE_DISK_BYTES
    level = "warning" if min(free) < 4 * needed else "ok"
    text = _("%(free)s free; uploads pause below %(needed)s")
    return Panel(_("Disk"), text % {"free": mib(min(free)), "needed": mib(needed)}, level)
