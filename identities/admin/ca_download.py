"""The certificate of the CA that signed this installation's server certificate, to hand over."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from identities.device_setup import CA_FILENAME


def read_ca() -> str | None:
    """Return the CA certificate as PEM, or None where the server uses other certificates."""
    path = Path(settings.VAR_DIR) / "tls" / "ca.crt"
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        return None


def download_ca(request: HttpRequest) -> HttpResponse:
    """Answer with the CA certificate as a file; 404 with an explanation where there is none."""
    pem = read_ca()
    if pem is None:
        context = admin.site.each_context(request) | {"title": "No CA certificate to download"}
        return TemplateResponse(
            request, "admin/identities/ca_unavailable.html", context, status=404
        )
    disposition = f'attachment; filename="{CA_FILENAME}"'
    return HttpResponse(
        pem,
        content_type="application/x-pem-file",
        headers={"Content-Disposition": disposition, "X-Content-Type-Options": "nosniff"},
    )
