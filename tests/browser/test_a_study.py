"""A day in a study: a viewer is invited, ten devices enrolled, data found, downloaded, verified."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from playwright.sync_api import Browser, Page, expect

from identities.models import Enrolment, Identity, PreSharedKey
from identities.studies import Study, StudyIdentity, StudyMember
from tests.browser import chart_page
from tests.identities.enrolment_steps import cards
from tests.support.devices import Device
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

DEVICES = 10
START = 1_700_006_400_000
# The dialog for a folder cannot be answered by a program: the browser's private one is used.
FOLDER = "window.showDirectoryPicker = () => navigator.storage.getDirectory();"
READ_FOLDER = """async () => {
    const found = {};
    for await (const [name, handle] of (await navigator.storage.getDirectory()).entries()) {
        const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
        found[name] = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    }
    return found;
}"""


@pytest.fixture
def studies(stack: Stack, live_db: None) -> Iterator[list[Study]]:
    """Two studies; Sara is study admin of A, Dora data manager, Vera nothing yet."""
    found = [Study.objects.create(name=name) for name in ("Day A", "Day B")]
    users = {
        name: User.objects.create_user(name, password=stack.superuser_password, is_staff=True)
        for name in ("sara", "dora", "vera")
    }
    StudyMember.objects.create(study=found[0], user=users["sara"], role="study admin")
    StudyMember.objects.create(study=found[0], user=users["dora"], role="data manager")
    other = Identity.objects.create(name="of-b", description="kanarie")
    StudyIdentity.objects.create(study=found[1], identity=other)
    yield found
    StudyIdentity.objects.filter(study__in=found).delete()
    PreSharedKey.objects.filter(enrolment__name="first ward").delete()
    Enrolment.objects.filter(name="first ward").delete()
    Study.objects.filter(pk__in=[study.pk for study in found]).delete()
    User.objects.filter(username__in=users).delete()
    other.delete()
    connection.close()


def show(page: Page, stack: Stack, path: str, folder: Path) -> str:
    """Open a page of the admin, keep a picture of it, and return its HTML."""
    page.goto(f"{stack.staff_url}/admin/{path}")
    picture = path.partition("?")[0].strip("/").replace("/", "-") or "home"
    page.screenshot(path=folder / f"{picture}.png", full_page=True)
    return page.content()


def invite(page: Page, stack: Stack, folder: Path) -> None:
    show(page, stack, "identities/studymember/add/", folder)
    page.select_option("#id_study", label="Day A")
    page.fill("#id_username", "vera")
    page.select_option("#id_role", label="viewer")
    page.screenshot(path=folder / "invite.png")
    page.click("[name=_save]")
    expect(page.locator(".messagelist")).to_contain_text("vera: viewer of Day A")


def enrol(page: Page, stack: Stack, folder: Path) -> list[tuple[str, str]]:
    """Enrol ten devices by a list; return identity and key of each card."""
    rows = "identity,note,study\n" + "".join(
        f"day-bed-{n},band {n},Day A\n" for n in range(DEVICES)
    )
    show(page, stack, "identities/enrolment/add/", folder)
    page.fill("#id_name", "first ward")
    page.set_input_files(
        "input[type=file]", {"name": "ward.csv", "mimeType": "text/csv", "buffer": rows.encode()}
    )
    page.click("input[value='Check the list']")
    page.screenshot(path=folder / "preview.png", full_page=True)
    page.click("input[name=confirm]")
    page.wait_for_selector(".cards")
    page.screenshot(path=folder / "cards.png", full_page=True)
    found = cards(page.content())
    page.click("[data-save]")  # otherwise the page asks before it is left
    return found


def download(page: Page, stack: Stack, study: Study, folder: Path) -> dict[str, bytes]:
    """Download the study into a folder in two parts; return the zips by name."""
    page.add_init_script(FOLDER)
    show(page, stack, f"identities/study/{study.pk}/change/", folder)
    page.get_by_role("link", name="Download", exact=True).click()
    page.select_option("[name=format]", label="CSV")
    page.click("input[value=Choose]")
    status = page.locator("[data-status]")
    # The fourth does not arrive.
    page.route("**/day-bed-3/archive?*", lambda route: None)
    page.click("[data-start=folder]")
    expect(page.locator("[data-count]")).to_contain_text(f"3 of {DEVICES}")
    expect(status).to_contain_text("day-bed-3")
    page.screenshot(path=folder / "downloading.png", full_page=True)
    page.click("[data-stop]")
    expect(status).to_contain_text("Stopped")
    page.unroute("**/day-bed-3/archive?*")
    kept = page.evaluate("JSON.stringify(localStorage)")
    assert "day-bed" not in kept
    assert "Day A" not in kept
    page.reload()
    expect(status).to_contain_text("3 are downloaded already")
    page.locator("[data-start=folder]").press("Enter")
    expect(status).to_contain_text("All zips are downloaded.")
    expect(page.locator("[data-count]")).to_contain_text(f"{DEVICES} of {DEVICES}")
    assert "study-zips" not in page.evaluate("JSON.stringify(localStorage)")
    page.screenshot(path=folder / "downloaded.png", full_page=True)
    files = page.evaluate(READ_FOLDER)
    return {name: base64.b64decode(content) for name, content in files.items()}


def verify(content: bytes, identity: str) -> dict[str, bytes]:
    """Return the files of a zip, each as its index says."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        index = json.loads(archive.read(f"{identity}/identity.json"))
        files = {entry["file"]: archive.read(entry["file"]) for entry in index["files"]}
    for entry in index["files"]:
        assert hashlib.sha256(files[entry["file"]]).hexdigest() == entry["sha256"]
    return files


def test_a_day_in_a_study(
    stack: Stack,
    chromium: Browser,
    studies: list[Study],
    make_device: Callable[..., Device],
    tmp_path: Path,
) -> None:
    with chart_page.signed_in(chromium, stack, "sara") as page:
        show(page, stack, "", tmp_path)
        invite(page, stack, tmp_path)
    with chart_page.signed_in(chromium, stack, "dora") as page:
        issued = enrol(page, stack, tmp_path)
    assert len(issued) == DEVICES
    sent: dict[str, bytes] = {}
    for number, (identity, key) in enumerate(issued):
        device = make_device(subject=identity)
        assert device.register(key).status_code == 200
        samples = range(3 + number)
        sent[identity] = b"".join(b"%d,%d\n" % (START + 1000 * n, 60 + n) for n in samples)
        assert device.upload(("hr", "hr.txt", sent[identity])).status_code == 200
    with chart_page.signed_in(chromium, stack, "vera") as page:
        pages = [
            show(page, stack, path, tmp_path)
            for path in (
                "", "analysis/overview/", "analysis/series/", "identities/study/",
                "analysis/overview/day-bed-3/", "identities/identity/?q=of-b",
            )
        ]  # fmt: skip
        assert "day-bed-3" in pages[2]
        assert "Day A" in pages[3]
        assert not any("Day B" in each or "kanarie" in each for each in pages)
        other = f"{stack.staff_url}/admin/studies/{studies[1].pk}/download/"
        assert page.request.get(other).status == 404
        zips = download(page, stack, studies[0], tmp_path)
    assert zips.keys() == {f"{identity}.zip" for identity in sent}
    for identity, content in sent.items():
        files = verify(zips[f"{identity}.zip"], identity)
        originals = [each for name, each in files.items() if name.endswith(".txt")]
        assert originals == [content]
        assert files[f"{identity}/samples/hr.csv"] == b"time_ms,value\n" + content


@pytest.mark.parametrize("appearance", chart_page.APPEARANCES.values(), ids=chart_page.APPEARANCES)
def test_the_download_page_has_no_accessibility_violations(
    stack: Stack, chromium: Browser, studies: list[Study], appearance: dict[str, object]
) -> None:
    with chart_page.signed_in(chromium, stack, bypass_csp=True, **appearance) as page:
        page.goto(f"{stack.staff_url}/admin/studies/{studies[1].pk}/download/")
        assert chart_page.find_violations(page) == []
        assert chart_page.measure_bytes(page) < chart_page.MAX_BYTES
