"""The download links of the chart page."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analysis.exports.formats import FORMATS
from analysis.queries.series import Series
from analysis.queries.side_by_side import ColumnSet
from ingest.measurement_types import HEART_RATE, Kind

_LABELS = {
    "csv": "CSV",
    "csv_iso": gettext_lazy("CSV with ISO 8601 times"),
    "csv_spreadsheet": gettext_lazy("CSV for spreadsheets"),
    "parquet": "Parquet",
    "json": "JSON",
}
_ZIPPED = ("csv", "parquet", "json")


@dataclass(frozen=True)
class ExportLink:
    """A download link; the page adds the time range.

    ``format`` is the key of the estimated size in the summary's ``bytes``.
    """

    label: str
    url: str
    format: str = ""
    note: str = ""


def list_exports(
    series_list: list[Series], kinds: dict[str, Kind], columns: ColumnSet | None = None
) -> list[ExportLink]:
    """Return the links for one series, for columns side by side, or for several in one zip."""
    if columns is None and len(series_list) > 1:
        label = _("%(format)s of all series with their data dictionaries, zipped")
        return [
            _link_archive(series_list, name, label % {"format": _LABELS[name]}) for name in _ZIPPED
        ]
    found: Series | ColumnSet = columns or series_list[0]
    query, label, zipped = {}, "%(format)s", _("CSV with its data dictionary, zipped")
    if columns is not None:
        query = {"columns": ",".join(columns.columns)}
        label, zipped = _("%(format)s, columns side by side"), _("CSV of each column, zipped")
    links = []
    for name in FORMATS:
        url = f"{_reverse_series('samples', found)}?{urlencode({**query, 'format': name})}"
        links.append(ExportLink(label % {"format": _LABELS[name]}, url, "" if columns else name))
    links.append(_link_archive(series_list, "csv", zipped))
    url = f"{_reverse_series('dictionary', found)}?{urlencode({**query, 'format': 'html'})}"
    links.append(ExportLink(_("Data dictionary, as a page"), url))
    links += _list_clinical_exports(found, kinds[found.name])
    url = _reverse_series("originals", found)
    note = _("the files as the devices sent them, with their receipts")
    size = "" if columns else "originals"
    return [*links, ExportLink(_("Original files, zipped"), url, size, note)]


def _list_clinical_exports(series: Series | ColumnSet, kind: Kind) -> list[ExportLink]:
    links = []
    if kind.loinc and kind.unit:
        fhir = _reverse_series("fhir", series)
        note = _("the whole range, an Observation a line, as FHIR Bulk Data has it")
        for version, label in (("r4b", "FHIR R4B NDJSON"), ("r5", "FHIR R5 NDJSON")):
            query = urlencode({"version": version, "format": "ndjson"})
            links.append(ExportLink(label, f"{fhir}?{query}", f"fhir_{version}_ndjson", note))
        note = _("the first day of the range; its link “next” leads to the following days")
        for version, label in (("r4b", "FHIR R4B"), ("r5", "FHIR R5")):
            url = f"{fhir}?{urlencode({'version': version})}"
            links.append(ExportLink(label, url, f"fhir_{version}", note))
    if kind.loinc == HEART_RATE and isinstance(series, Series):
        url = _reverse_series("open_mhealth", series)
        links.append(ExportLink("Open mHealth", url, "open_mhealth"))
    return links


def _reverse_series(view: str, series: Series | ColumnSet) -> str:
    return reverse(f"read_api:{view}", args=[series.identity, series.name])


def _link_archive(series_list: list[Series], format_name: str, label: str) -> ExportLink:
    titles = [f"{series.identity}/{series.name}" for series in series_list]
    query = urlencode({"series": titles, "format": format_name}, doseq=True)
    return ExportLink(label, f"{reverse('read_api:archive')}?{query}", f"zip_{format_name}")
