"""What a plug-in's class says of itself, read in a confined process, since its module is a stranger's code."""

from __future__ import annotations

import os
from collections.abc import Iterable
from inspect import signature
from pathlib import Path
from typing import Any

from bifseg.core.errors import one_line, short
from bifseg.core.one_question import Limits, answer_one, asked
from bifseg.core.plug_ins import imported, listed_set
from bifseg.core.sandbox import MODULE_VARIABLES, check_readable, import_from_module_folders, module_folders
from bifseg.core.supervised import AnswerError, Confinement, ProcessEndedError

_TIME_S = 600.0


def class_facts(name: str, hidden: Iterable[Path] = ()) -> dict[str, Any]:
    """The attributes of a method's class.

    Args:
        name: `module:Class`.
        hidden: folders that the module cannot read.

    Returns:
        `dimensions` (empty if the class has none) and `prompts` as sorted lists, and whether its constructor takes
        a `network`; nothing in them is checked.

    Raises:
        ImportError: the module cannot be imported, or has no such class.
        InputError: a hidden folder holds Python, bifseg or a folder of plug-ins.
    """
    hidden, modules = tuple(path.resolve() for path in hidden), os.pathsep.join(map(str, module_folders()))
    check_readable(hidden)
    limits, variables = Limits(Confinement(hidden), _TIME_S), dict.fromkeys(MODULE_VARIABLES, modules)
    try:
        with asked("bifseg.core.plug_in_facts", name, limits, variables) as (answer, _):
            pass
    except (ProcessEndedError, AnswerError, TimeoutError, ValueError) as error:
        raise ImportError(one_line(error)) from error
    if "error" in answer:
        raise ImportError(short(str(answer["error"]), 300))
    return {key: answer.get(key) for key in ("dimensions", "prompts", "network")}


def _facts(name: str) -> dict[str, Any]:
    """The answer of this process: the facts, or an `error`."""
    import_from_module_folders()
    try:
        kind = imported(name)
        return {
            "dimensions": listed_set(getattr(kind, "dimensions", ()), "dimensions"),
            "prompts": listed_set(kind.prompts, "prompts"),
            "network": "network" in signature(kind).parameters,
        }
    except Exception as error:  # a stranger's module may raise anything
        return {"error": one_line(error)}


if __name__ == "__main__":
    answer_one(_facts)
