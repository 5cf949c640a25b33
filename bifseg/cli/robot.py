"""`bifseg robot`: the simulated user."""

from __future__ import annotations

from dataclasses import asdict
from inspect import getdoc
from typing import Any, NamedTuple

import typer

from bifseg.cli import robot_compare, robot_effort, robot_ranking, robot_record, robot_shift

app = typer.Typer(help="List the simulated user's policies, or compare it with people.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """List the simulated user's policies, boxes and levels of care, or compare it with people (docs/robot.md)."""


@app.command("list")
def list_all() -> None:
    """List the policies, boxes and users that a protocol card can name, with their fixed parameters."""
    from tabulate import tabulate

    for key, entries in catalogue().items():
        header = [key, "what it does", "parameters"]
        typer.echo(tabulate(entries, header, tablefmt="plain", maxcolwidths=[None, 50, 60]))
        typer.echo()


app.command()(robot_compare.compare)
app.command()(robot_record.record)
app.command()(robot_shift.shift)
app.command()(robot_ranking.ranking)
app.command()(robot_effort.effort)


class Entry(NamedTuple):
    """What a protocol card can name: its name there, its description, and its parameters as text."""

    name: str
    about: str
    params: str


def catalogue() -> dict[str, list[Entry]]:
    """The choices for a protocol card.

    Returns:
        Entries by the card's key: `policy`, `box`, `user` and `disturb`.
    """
    from bifseg.robot.box import BOXES
    from bifseg.robot.disturbances.registry import BOX_DISTURBANCES, IMAGE_DISTURBANCES, STROKE_DISTURBANCES
    from bifseg.robot.policies.registry import POLICIES
    from bifseg.robot.users import USERS

    return {
        "policy": [Entry(name, _first_line(kind), _text(kind().params)) for name, kind in POLICIES.items()],
        "box": [Entry(name, _first_line(kind), _text(kind().params)) for name, kind in BOXES.items()],
        "user": [Entry(u.name, f"{u.about} (version {u.version})", _text(u.params)) for u in USERS.values()],
        "disturb": [
            Entry(name, kind.about, f"{kind.step:g} {kind.unit} a level")
            for registry in (BOX_DISTURBANCES, STROKE_DISTURBANCES, IMAGE_DISTURBANCES)
            for name, kind in registry.items()
        ],
    }


def _first_line(kind: type) -> str:
    return (getdoc(kind) or "").splitlines()[0].rstrip(".")


def _text(params: Any) -> str:
    return ", ".join(f"{key} {_plain(value)}" for key, value in asdict(params).items()) if params else ""


def _plain(value: float | tuple[float, ...]) -> str:
    return "-".join(f"{v:g}" for v in value) if isinstance(value, tuple) else f"{value:g}"
