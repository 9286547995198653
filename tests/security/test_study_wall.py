"""Staff of a study see nothing of another: every address is asked as every role.

A canary stands in every text of the other study. No answer holds it, and addresses of its rows
answer as those of rows that do not exist. In ``make test`` only the study admin, who is shown the
most pages, asks every address.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client

from identities.access_tokens import AccessToken
from identities.credentials import issue_token
from identities.visibility import Scope
from tests.identities.admin_pages import links
from tests.security.populated_site import patterns
from tests.security.study_world import CANARY, ROLES, StudyWorld, ask, make_study_world
from tests.support.examples import IS_LONG_RUN, one_in

# What only superusers and groups open, whatever the study.
WITHOUT_STUDY = {
    "auth.group", "auth.user", "otp_totp.totpdevice", "identities.accesstoken",
    "ingest.measurementtype", "analysis.compliance",
    "analysis.overview", "analysis.series",
}  # fmt: skip
SEARCHES = (
    "/admin/{app}/{model}/?q={text}",
    "/admin/{app}/{model}/?identity__id__exact={identity}",
    "/admin/{app}/{model}/?study={study}",
)
READS = (
    "/api/v1/series?identity={name}",
    "/api/v1/archive?series={name}/{series}",
    "/admin/analysis/overview/?q={text}",
    "/admin/analysis/series/?q={text}",
    "/admin/analysis/overview/?study={study}",
    "/admin/analysis/series/?study={study}",
    "/api/v1/series?study={study_name}",
    "/api/v1/archive?study={study_name}&series={name}/{series}",
    "/admin/analysis/series/compare/?series={name}/{series}",
    "/admin/analysis/series/suggest/?q={name}/{series}",
    "/admin/analysis/annotation/add/?of={name}&name={series}",
    "/api/v1/annotations?identity={name}",
    "/api/v1/annotations?q={text}",
    *(
        f"/admin/autocomplete/?term={{text}}&app_label={model}&field_name=identity"
        for model in (
            "identities&model_name=presharedkey",
            "identities&model_name=studyidentity",
            "ingest&model_name=retentionpolicy",
        )
    ),
)
NOWHERE = "kanarix"  # stands in no text


@pytest.fixture
def world(db: None, caplog: pytest.LogCaptureFixture) -> StudyWorld:
    caplog.set_level(logging.CRITICAL, "django.request")  # thousands of refusals
    return make_study_world()


def client_of(world: StudyWorld, role: str) -> Client:
    client = Client(headers={"X-Forwarded-Proto": "https"})
    client.force_login(world.people[role], backend="django.contrib.auth.backends.ModelBackend")
    return client


Pair = tuple[str, str]


def pages(world: StudyWorld, start: str = "") -> list[Pair]:
    """Return the addresses of rows of the other study, each with that of a missing row."""
    chosen = sorted({pattern for pattern in patterns() if pattern.startswith(start)})
    return [(world.others.address(each), world.missing.address(each)) for each in chosen]


def searches(world: StudyWorld) -> Iterator[Pair]:
    """Yield searches for texts and rows of the other study, each with one for what is missing."""
    values, nothing = (
        {
            "name": one.identity,
            "series": one.series,
            "identity": one.rows["identities.identity"].pk,
            "study": one.rows["identities.study"].pk,
            "study_name": getattr(one.rows["identities.study"], "name", NOWHERE),
            "text": text,
        }
        for one, text in ((world.others, CANARY), (world.missing, NOWHERE))
    )
    for text in READS:
        yield text.format(**values), text.format(**nothing)
    for number, model in enumerate(admin.site._registry):
        place = {"app": model._meta.app_label, "model": model._meta.model_name}
        for text in one_in(len(SEARCHES), SEARCHES, first=number):
            yield text.format(**values, **place), text.format(**nothing, **place)


def find_leaks(
    world: StudyWorld, client: Client, addresses: Iterable[Pair], *, enough: int = 1000
) -> list[str]:
    """GET every address; return those that show the other study, at most ``enough``."""
    leaks: list[str] = []
    texts = world.texts()
    for other, missing in addresses:
        if len(leaks) >= enough:
            break
        shown = ask(client, "GET", other)
        if "?" not in other and CANARY in shown.without(texts).body:
            leaks.append(f"canary at {other}")
        if other == missing:
            continue
        # A search page repeats what was asked for.
        echoed = {*texts, CANARY, NOWHERE, world.other_study.name}
        if shown.without(echoed) != ask(client, "GET", missing).without(echoed):
            leaks.append(f"difference at {other}")
    return leaks


def test_every_model_of_the_admin_has_a_row_in_the_other_study(world: StudyWorld) -> None:
    labels = {model._meta.label_lower for model in admin.site._registry}
    assert labels - world.others.rows.keys() == WITHOUT_STUDY


@pytest.mark.parametrize("role", ROLES)
def test_no_address_tells_of_another_study(world: StudyWorld, role: str) -> None:
    asked = pages(world)
    if role == "study admin":  # who sees every list that has a search
        asked += searches(world)
    else:
        asked = one_in(4, asked, first=ROLES.index(role))
    leaks = find_leaks(world, client_of(world, role), asked)
    assert not leaks, "\n".join(leaks)


def test_our_own_rows_are_shown_without_the_canary(world: StudyWorld) -> None:
    client, shown = client_of(world, "study admin"), 0
    waiting = {world.ours.address(pattern) for pattern in one_in(2, sorted(set(patterns())))}
    seen: set[str] = set()
    kinds: set[str] = set()
    while waiting - seen:
        address = min(waiting - seen)
        seen.add(address)
        answer = ask(client, "GET", address)
        assert CANARY not in answer.body, address
        shown += answer.status == 200 and "ours" in answer.body
        found = {link.partition("#")[0] for link in links(answer.body)}
        for link in sorted(found):
            kind = link if IS_LONG_RUN else re.sub(r"[0-9][0-9a-f-]*", "0", link)
            if link.startswith("/admin/") and "?" not in link and kind not in kinds:
                kinds.add(kind)
                waiting.add(link)
        assert len(seen) < 600
    assert shown > (30 if IS_LONG_RUN else 20)
    zipped = ask(client, "GET", f"/api/v1/identities/{world.ours.identity}/archive").body
    assert "ours/annotations.csv" in zipped
    assert CANARY not in zipped


def test_a_narrowed_token_reads_its_study_only(world: StudyWorld) -> None:
    analyst = User.objects.create(username="anna", is_staff=True)
    analyst.groups.add(Group.objects.get(name="analysts"))
    token, secret = issue_token(analyst)
    client = Client(headers={"X-Forwarded-Proto": "https", "Authorization": f"Bearer {secret}"})
    api = [pattern for pattern in patterns() if pattern.startswith("api/v1/series/")]
    wide = [ask(client, "GET", world.others.address(pattern)).status for pattern in api]
    assert 200 in wide
    AccessToken.objects.filter(pk=token.pk).update(study_ids=[world.study.pk])
    leaks = find_leaks(world, client, pages(world, "" if IS_LONG_RUN else "api/"))
    assert not leaks, "\n".join(leaks)
    assert ask(client, "GET", "/metrics").status == 403
    assert "ours" in ask(client, "GET", "/api/v1/series").body


def test_the_crawl_finds_a_missing_filter(
    world: StudyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: with the filter of rows taken out, the same crawl finds leaks."""
    monkeypatch.setattr(Scope, "filter", lambda scope, rows, path="identity": rows)
    monkeypatch.setattr(Scope, "sql", lambda scope, column, **options: ("true", {}))
    monkeypatch.setattr(Scope, "is_small", False)
    asked = one_in(4, pages(world))
    assert len(find_leaks(world, client_of(world, "viewer"), asked, enough=10)) == 10
