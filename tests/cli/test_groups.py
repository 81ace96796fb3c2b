"""Options in groups are options like any other."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from mfh.cli.groups import grouped


@dataclass(frozen=True)
class Size:
    width: Annotated[int, typer.Option(help="Pixels across.")] = 3
    names: Annotated[list[str] | None, typer.Option("--name", "-n", help="Repeatable.")] = None


@dataclass(frozen=True)
class Loud:
    loud: Annotated[bool, typer.Option("--loud")] = False


@pytest.fixture
def run():
    asked = []

    @grouped
    def command(size: Size, manner: Loud, path: Annotated[str, typer.Argument()], seed: int = 7) -> int:
        """Do it."""
        asked.append((size, manner, path, seed))
        return 0

    app = typer.Typer()
    app.command()(command)
    runner = CliRunner()
    return lambda *words: (runner.invoke(app, list(words)), asked)


def test_groups_are_filled_from_the_command_line(run):
    result, asked = run("a.jpg", "--width", "5", "-n", "x", "--name", "y", "--loud", "--seed", "2")
    assert result.exit_code == 0 and asked == [(Size(5, ["x", "y"]), Loud(True), "a.jpg", 2)]


def test_defaults_are_those_of_the_groups(run):
    result, asked = run("a.jpg")
    assert result.exit_code == 0 and asked == [(Size(), Loud(), "a.jpg", 7)]


def test_the_help_shows_every_option_and_the_command_s_own_sentence(run):
    text = run("--help")[0].output
    assert "Do it." in text and "Pixels across." in text and "--loud" in text and "--seed" in text


def test_what_is_no_number_is_refused(run):
    result, asked = run("a.jpg", "--width", "five")
    assert result.exit_code == 2 and not asked
