"""`bifseg robot`: what the simulated user can do."""

from __future__ import annotations

import typer

from bifseg.cli import robot_compare

app = typer.Typer(help="The simulated user.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The simulated user: its policies, boxes and levels of care (docs/robot.md)."""


@app.command("list")
def list_all() -> None:
    """List what a protocol card can ask for: policies, boxes and users, with their frozen parameters."""
    from tabulate import tabulate

    from bifseg.robot.catalogue import catalogue

    for key, entries in catalogue().items():
        rows = [(entry.name, entry.about, entry.params) for entry in entries]
        typer.echo(
            tabulate(rows, [key, "what it does", "parameters"], tablefmt="plain", maxcolwidths=[None, 50, 60])
        )
        typer.echo()


app.command()(robot_compare.compare)
