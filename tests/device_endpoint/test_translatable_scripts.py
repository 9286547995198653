"""Texts that scripts show to users are marked for translation with ``gettext``, as in templates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

PROJECT = Path(__file__).resolve().parents[2]
# VAR_DIR, in the project by default, has copies of them and the scripts of Django's admin.
FOLDERS = ("alerts", "analysis", "device_endpoint", "identities", "ingest")
SCRIPTS = [
    path
    for folder in FOLDERS
    for path in sorted((PROJECT / folder).glob("static/**/*.js"))
    if "vendor" not in path.parts
]
# A literal with two words, or one that is a word with a capital letter.
WORDS = re.compile(r"[A-Za-z]{2,}[,.:;]? [a-z]{2,}|^\W*[A-Z][a-z]+[.:]?$")
# Names of keys, fonts and media; programs to be copied.
OTHERS = re.compile(r"use strict|sans-serif|\(prefers-color-scheme|^Arrow$|^Enter$|^Home$")
PROGRAMS = re.compile(
    r"^const (?:SNIPPETS = \{.*?^\}|requestParquet = .*?^`);", re.MULTILINE | re.DOTALL
)
MARKED = re.compile(r"gettext\(\s*(?:\"[^\"]*\",\s*)?$")
TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|(?<=[(=,:?])\s*/(?:\\.|\[(?:\\.|[^\]])*\]|[^/\n\\[*])+/"""
    r"""|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[`{}]""",
    re.DOTALL,
)
TEMPLATE_END = re.compile(r"(?:\\.|\$(?!\{)|[^`$\\])*(`|\$\{)", re.DOTALL)


def literals(script: str) -> Iterator[tuple[int, str]]:
    """Yield the place and text of every literal; of a template each part between expressions."""
    braces: list[str] = []
    place = 0
    while token := TOKEN.search(script, place):
        place, text = token.end(), token[0]
        if text[0] in "\"'":
            yield token.start(), text[1:-1]
        elif text == "{":
            braces.append(text)
        elif text == "`" or (text == "}" and braces and braces.pop() == "${"):
            end = TEMPLATE_END.match(script, place)
            assert end is not None
            yield place, end[0][: -len(end[1])]
            place = end.end()
            if end[1] == "${":
                braces.append(end[1])


def find_untranslated(script: str) -> list[str]:
    script = PROGRAMS.sub("", script)
    return [
        text
        for place, text in literals(script)
        if WORDS.search(text) and not OTHERS.search(text) and not MARKED.search(script[:place])
    ]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_texts_of_a_script_are_marked(path: Path) -> None:
    assert find_untranslated(path.read_text()) == []


def test_unmarked_texts_are_found() -> None:
    """The negative control."""
    assert find_untranslated('show("New samples arrived.");') == ["New samples arrived."]
    assert find_untranslated("label = `${count} files left`;") == [" files left"]
    assert find_untranslated("label = `a ${`b ${c}`} and so on`;") == [" and so on"]
    assert find_untranslated('title = isHidden ? "Show" : gettext("Hide");') == ["Show"]
    assert find_untranslated('gettext("New samples"); ngettext("a file", "all files", n)') == []
    assert find_untranslated('text.replace(/"/g, "two words")') == ["two words"]


def test_pages_with_texts_in_scripts_load_the_catalog(db: None) -> None:
    templates = [path.read_text() for path in PROJECT.glob("templates/**/*.html")]
    for path in SCRIPTS:
        # The state of a registration is a part of the credential card.
        if path.name != "registration_status.js" and "gettext(" in path.read_text():
            loading = [text for text in templates if f"{path.parent.name}/{path.name}" in text]
            imported = any(f"/{path.name}" in other.read_text() for other in SCRIPTS)
            assert imported or loading, path.name
            assert all("admin:jsi18n" in text for text in loading), path.name
    client = Client(headers={"X-Forwarded-Proto": "https"})
    client.force_login(User.objects.create_superuser("ada"))
    answer = client.get("/admin/jsi18n/")
    assert answer["Content-Type"].startswith("text/javascript")
    assert b"ngettext" in answer.content
