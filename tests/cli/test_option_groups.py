"""Options that commands share are declared once and mean the same everywhere."""

from dataclasses import dataclass, field, fields
from typing import Annotated

import click
import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from bifseg import __version__
from bifseg.cli.cohort_from import DataOptions
from bifseg.cli.job_options import JobOptions
from bifseg.cli.main import app
from bifseg.cli.option_groups import with_option_groups


def parameters(*path):
    command = get_command(app)
    for word in path:
        command = command.get_command(click.Context(command), word)
    return {parameter.name: parameter for parameter in command.params}


@pytest.mark.parametrize(
    ("group", "commands"),
    [(JobOptions, [("plan",), ("run",), ("replay",)]), (DataOptions, [("evaluate",), ("cohort", "from")])],
)
def test_commands_have_the_options_of_their_group(group, commands):
    first, *others = (parameters(*command) for command in commands)
    for name in (one.name for one in fields(group)):
        for other in others:
            for what in ("opts", "default", "required", "help"):
                assert getattr(other[name], what, None) == getattr(first[name], what, None), name


@dataclass(frozen=True, kw_only=True)
class Some:
    where: Annotated[str, typer.Argument()]
    names: Annotated[list[str], typer.Option("--name")] = field(default_factory=list)
    number: Annotated[int, typer.Option(min=1)] = 3


def called(*words):
    calls = []
    toy = typer.Typer()

    @toy.command()
    @with_option_groups
    def command(some: Some, loud: Annotated[bool, typer.Option("--loud")] = False) -> None:
        """Do it."""
        calls.append((some, loud))

    done = CliRunner().invoke(toy, list(words))
    return done, calls


def test_a_group_arrives_whole_with_its_defaults():
    assert called("here")[1] == [(Some(where="here"), False)]
    words = ("here", "--name", "a", "--name", "b", "--number", "5", "--loud")
    assert called(*words)[1] == [(Some(where="here", names=["a", "b"], number=5), True)]


def test_a_groups_limits_hold():
    done, calls = called("here", "--number", "0")
    assert done.exit_code == 2
    assert not calls


@pytest.mark.parametrize(
    "words", [["-h"], ["run", "-h"], ["cohort", "-h"], ["cohort", "from", "-h"], ["history", "list", "-h"]]
)
def test_h_is_help(words):
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0
    assert "Usage:" in done.output


def test_version():
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.output) == (0, f"bifseg {__version__}\n")
