"""The card's commands, pasted into a real shell: they register the device, and again do no harm."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from identities.credentials import issue_psk
from identities.device_setup import (
    draw_qr_svg,
    make_certificate,
    register,
    save_ca,
)
from identities.models import Identity
from tests.support.stack import Stack


def paste(folder: Path, *lines: str) -> str:
    ended = subprocess.run(
        ["bash", "-c", "\n".join(lines)], cwd=folder, capture_output=True, text=True, check=True
    )
    return ended.stdout


@pytest.mark.debian  # curl and openssl, which `make test` must do without
@pytest.mark.usefixtures("live_db")
def test_pasted_they_register_and_pasted_again_they_say_so(stack: Stack, tmp_path: Path) -> None:
    identity = Identity.objects.create(name="pasted@ward-3")
    _, secret = issue_psk(identity)
    lines = [
        save_ca(stack.ca_file.read_text()).lines,
        make_certificate(identity.name).lines,
        f" PSK='{secret}'",
        register(stack.device_url, own_ca=True).lines,
    ]
    first, again = (json.loads(paste(tmp_path, *lines)) for _ in range(2))
    assert (first["identity"], first["already_bound"]) == ("pasted@ward-3", False)
    assert again == first | {"already_bound": True}


def test_the_qr_code_is_a_drawing_without_words() -> None:
    drawing = draw_qr_svg("dpsk_0123456789")
    assert drawing.startswith("<svg")
    assert "dpsk" not in drawing
    assert "style" not in drawing
