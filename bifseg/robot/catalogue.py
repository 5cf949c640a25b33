"""What a protocol card can ask the robot for, with names, versions, parameters and a line each."""

from __future__ import annotations

from dataclasses import asdict
from inspect import getdoc
from typing import Any, NamedTuple

from bifseg.robot.box import BOXES
from bifseg.robot.policies import POLICIES
from bifseg.robot.users import USERS


class Entry(NamedTuple):
    """One policy, box or user; `name` as the card gives it, `params` as text."""

    name: str
    about: str
    params: str


def catalogue() -> dict[str, list[Entry]]:
    """The entries of each key of a protocol card: `policy`, `box` and `user`."""
    return {
        "policy": [Entry(name, _first_line(kind), _text(kind().params)) for name, kind in POLICIES.items()],
        "box": [Entry(name, _first_line(kind), _text(kind().params)) for name, kind in BOXES.items()],
        "user": [Entry(u.name, f"{u.about} (version {u.version})", _text(u.params)) for u in USERS.values()],
    }


def _first_line(kind: type) -> str:
    return (getdoc(kind) or "").splitlines()[0].rstrip(".")


def _text(params: Any) -> str:
    return ", ".join(f"{key} {_plain(value)}" for key, value in asdict(params).items()) if params else ""


def _plain(value: float | tuple[float, ...]) -> str:
    return "-".join(f"{v:g}" for v in value) if isinstance(value, tuple) else f"{value:g}"
