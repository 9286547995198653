"""The page that downloads a study: a zip for each identity, one after the other.

The script of the page fetches them, shows the progress and goes on where it stopped. Without it,
each identity has a link.
"""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from analysis.exports.study_content import CONTENTS, MAX_NAMES, SAMPLE_FORMATS
from analysis.queries.identities import find_identities
from identities.admin.extensions import Link, study_pages
from identities.search import clean_term
from identities.studies import Study
from identities.visibility import scope_of
from ingest.time_range import RangeError, parse_range

PER_PAGE = 100
_FIELDS = ("content", "format", "names", "from", "to")
# What the script puts the name of an identity for.
_PLACE = "IDENTITY"


@require_safe
def study_download(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the page of a study, with a page of its identities after the name ``?after=``."""
    if not request.user.has_perm("ingest.view_measurement"):
        raise PermissionDenied
    study = scope_of(request.user, "ingest.view_measurement").studies().filter(pk=pk).first()
    if study is None:
        raise Http404
    scope = scope_of(request.user).narrowed(frozenset({study.pk}))
    choice, error = _read_choice(request)
    after = request.GET.get("after", "").replace("\0", "") or None
    rows, next_after = find_identities(scope, contains="", after=after, limit=PER_PAGE)
    query = urlencode({"study": study.name, **choice}, doseq=True)
    labels = (_("samples and original files"), _("samples"), _("original files"))
    context = admin.site.each_context(request) | {
        "title": _("Download %(study)s") % {"study": study.name},
        "study": study,
        "choice": choice | {"names": " ".join(choice.get("name", ()))},
        "error": error,
        "contents": list(zip(CONTENTS, labels, strict=True)),
        "formats": list(zip(SAMPLE_FORMATS, ("Parquet", "CSV"), strict=True)),
        "total": scope.identities().count(),
        "archive_url": _archive_url(_PLACE, query),
        "list_url": f"{reverse('read_api:identities')}?{urlencode({'study': study.name})}",
        "progress_key": _name_progress(study, choice),
        "rows": [
            (row.identity.pk, row.identity.name, _archive_url(row.identity.name, query))
            for row in rows
        ],
        "next_query": next_after and urlencode({**choice, "after": next_after}, doseq=True),
        "is_first": after is None,
    }
    return render(request, "admin/analysis/study_download.html", context)


def _read_choice(request: HttpRequest) -> tuple[dict[str, Any], str]:
    """Return the parameters of the archives, and what is wrong with the form, or ""."""
    get = {name: clean_term(request.GET.get(name, "")) for name in _FIELDS}
    choice: dict[str, Any] = {
        "content": get["content"] if get["content"] in CONTENTS else CONTENTS[0],
        "format": get["format"] if get["format"] in SAMPLE_FORMATS else SAMPLE_FORMATS[0],
    }
    if (names := get["names"].replace(",", " ").split()) or (names := request.GET.getlist("name")):
        choice["name"] = names[:MAX_NAMES]
    times = {name: get[name] for name in ("from", "to") if get[name]}
    try:
        parse_range(times.get("from"), times.get("to"))
    except RangeError as error:
        return choice, str(error)
    return choice | times, ""


def _archive_url(identity: str, query: str) -> str:
    return f"{reverse('read_api:identity_archive', args=[identity])}?{query}"


def _name_progress(study: Study, choice: dict[str, Any]) -> str:
    """Return the key of the script's progress: of this choice, and without its texts."""
    digest = hashlib.sha256(urlencode(choice, doseq=True).encode()).hexdigest()
    return f"study-zips:{study.pk}:{digest[:16]}"


def link_download(request: HttpRequest, study: Study) -> Link | None:
    if not request.user.has_perm("ingest.view_measurement"):
        return None
    return Link(_("Download"), reverse("study_download", args=[study.pk]))


study_pages.links.append(link_download)
