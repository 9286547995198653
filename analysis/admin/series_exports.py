"""The ways in which a page's series can be taken away, as links."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from analysis.exports.formats import FORMATS
from analysis.queries.series import Series
from ingest.measurement_types import HEART_RATE, Kind

_LABELS = {"csv": "CSV", "parquet": "Parquet", "json": "JSON"}


@dataclass(frozen=True)
class ExportLink:
    """An address without a range, which the page adds; ``format`` names its size in a summary."""

    label: str
    address: str
    format: str = ""
    note: str = ""


def list_exports(found: list[Series], kinds: dict[str, Kind]) -> list[ExportLink]:
    """Return the links for one series, or for several together."""
    if len(found) > 1:
        return [
            ExportLink(
                f"{_LABELS[each]} of all, as a zip with their dictionaries", *_archive(found, each)
            )
            for each in FORMATS
        ]
    (series,) = found
    kind = kinds[series.name]
    samples = _address("samples", series)
    links = [
        ExportLink(_LABELS[each], f"{samples}?{urlencode({'format': each})}", each)
        for each in FORMATS
    ]
    links.append(ExportLink("CSV with its data dictionary, zipped", *_archive([series], "csv")))
    links.append(ExportLink("Data dictionary alone", _address("dictionary", series)))
    if kind.loinc and kind.unit:
        note = "the first day of the range; its link “next” leads on"
        for version, label in (("r4b", "FHIR R4B"), ("r5", "FHIR R5")):
            address = f"{_address('fhir', series)}?{urlencode({'version': version})}"
            links.append(ExportLink(label, address, f"fhir_{version}", note))
    if kind.loinc == HEART_RATE:
        links.append(ExportLink("Open mHealth", _address("open_mhealth", series), "open_mhealth"))
    note = "as the devices sent them, with their receipts"
    links.append(
        ExportLink("Original files, zipped", _address("originals", series), "originals", note)
    )
    return links


def _address(view: str, series: Series) -> str:
    return reverse(f"read_api:{view}", args=[series.identity, series.name])


def _archive(found: list[Series], each: str) -> tuple[str, str]:
    """Return the address of a zip, and what its size is told under."""
    titles = [f"{series.identity}/{series.name}" for series in found]
    query = urlencode({"series": titles, "format": each}, doseq=True)
    return f"{reverse('read_api:archive')}?{query}", f"zip_{each}"
