"""docs/reference/commands.md names every command with exactly the options that it has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

from device_client.__main__ import main as device_client

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs/reference/commands.md").read_text()
OURS = {"device_endpoint", "identities", "ingest"}
COMMANDS = {name: app for name, app in get_commands().items() if app in OURS}
MANAGE, _, CLIENT = PAGE.partition("\n## device-client\n")
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", MANAGE, re.MULTILINE | re.DOTALL))
OPTION = re.compile(r"^\| `(--[a-z-]+)` \|", re.MULTILINE)


def _options(command: BaseCommand, name: str) -> set[str]:
    of_all_commands = _strings(BaseCommand(), name)
    return {text for text in _strings(command, name) - of_all_commands if text.startswith("--")}


def _strings(command: BaseCommand, name: str) -> set[str]:
    parser = command.create_parser("manage.py", name)
    return {text for action in parser._actions for text in action.option_strings}


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert set(SECTIONS) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_options_of_a_command_are_those_of_its_table(name: str) -> None:
    assert set(OPTION.findall(SECTIONS[name])) == _options(
        load_command_class(COMMANDS[name], name), name
    )


@pytest.mark.parametrize("name", ["send", "whoami", "check"])
def test_the_options_of_the_client_are_those_of_its_tables(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        device_client([name, "--help"])
    told = set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    table = CLIENT.partition(f"| option of `{name}` |")[2].partition("\n\n")[0]
    assert set(OPTION.findall(table)) == told - {"--help"}


def test_every_make_target_is_named_and_no_other() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert set(re.findall(r"^\| `make ([a-z-]+)` \|", PAGE, re.MULTILINE)) == targets
