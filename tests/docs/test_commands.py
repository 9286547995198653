"""docs/reference/commands.md lists every command with exactly its options."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

from device_client.__main__ import main as device_client

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs/reference/commands.md").read_text()
OUR_APPS = {"device_endpoint", "analysis", "alerts", "ingest", "identities"}
COMMANDS = {name: app for name, app in get_commands().items() if app in OUR_APPS}
FORMER_NAMES = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", PAGE, re.MULTILINE))
MANAGE, _, CLIENT = PAGE.partition("\n## device-client\n")
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", MANAGE, re.MULTILINE | re.DOTALL))
OPTION = re.compile(r"^\| `(--[a-z-]+)` \|", re.MULTILINE)


def _options(command: BaseCommand, name: str) -> set[str]:
    of_all_commands = _strings(BaseCommand(), name)
    return {text for text in _strings(command, name) - of_all_commands if text.startswith("--")}


def _strings(command: BaseCommand, name: str) -> set[str]:
    parser = command.create_parser("manage.py", name)
    return {text for action in parser._actions for text in action.option_strings}


def test_every_command_has_a_section_and_vice_versa() -> None:
    assert set(SECTIONS) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_table_lists_the_options_of_a_command(name: str) -> None:
    assert set(OPTION.findall(SECTIONS[name])) == _options(
        load_command_class(COMMANDS[name], name), name
    )


@pytest.mark.parametrize(("former", "name"), sorted(FORMER_NAMES.items()))
def test_a_former_name_works_and_names_the_current_one(former: str, name: str) -> None:
    run = subprocess.run(
        [sys.executable, "manage.py", former, "--help"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr == f"`manage.py {former}` is deprecated: use `manage.py {name}`.\n"
    assert run.stdout.startswith(f"usage: manage.py {name} ")


@pytest.mark.parametrize("name", ["send", "convert", "whoami", "check"])
def test_the_tables_list_the_options_of_the_client(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        device_client([name, "--help"])
    printed = set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    table = CLIENT.partition(f"| option of `{name}` |")[2].partition("\n\n")[0]
    assert set(OPTION.findall(table)) == printed - {"--help"}


def test_the_table_lists_every_make_target() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert set(re.findall(r"^\| `make ([a-z-]+)` \|", PAGE, re.MULTILINE)) == targets
