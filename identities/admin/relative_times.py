"""Times of events in a few characters, such as "3 min ago", with the exact time as title."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# Longer ago, the date says more.
_DATES_FROM = timedelta(days=60)


def relative_time(moment: datetime | None) -> SafeString | str:
    """Return the time since or until ``moment`` as HTML, "–" without one."""
    if moment is None:
        return "–"
    moment = moment.astimezone(timezone.get_current_timezone())
    return format_html(
        '<time datetime="{}" title="{} {}">{}</time>',
        moment.isoformat(timespec="seconds"),
        f"{moment:%Y-%m-%d %H:%M:%S}",
        moment.tzname(),
        _describe(moment, timezone.now()),
    )


def _describe(moment: datetime, now: datetime) -> str:
    distance = abs(now - moment)
    if distance >= _DATES_FROM:
        return f"{moment:%Y-%m-%d}"
    seconds = int(distance.total_seconds())
    if seconds < 60:
        length = _("%(n)d s") % {"n": seconds}
    elif seconds < 3_600:
        length = _("%(n)d min") % {"n": seconds // 60}
    elif seconds < 86_400:
        length = _("%(n)d h") % {"n": seconds // 3_600}
    else:
        length = _("%(n)d d") % {"n": seconds // 86_400}
    text = _("%(length)s ago") if moment <= now else _("in %(length)s")
    return text % {"length": length}


def time_column(name: str, description: StrOrPromise) -> Callable[[Any, Any], SafeString | str]:
    """Return a column of a list that shows the time ``name`` of a row."""

    @admin.display(description=description, ordering=name)
    def column(model_admin: Any, row: Any) -> SafeString | str:
        return relative_time(getattr(row, name))

    return column
