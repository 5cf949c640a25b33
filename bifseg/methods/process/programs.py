"""How the process of a method is started, from its card."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from bifseg.cards.cards import MethodCard
from bifseg.core.sandbox import check_readable
from bifseg.methods.process.process import Program

_PYTHON = (sys.executable, "-P", "-m")


def program(
    card: MethodCard,
    folder: Path,
    weights: Path | None = None,
    device: str = "auto",
    hidden: Iterable[Path] = (),
    time_limit_s: float | None = None,
    threads: int = 1,
) -> Program:
    """The program of a method card.

    Args:
        card: the card.
        folder: the folder of the card's file, `{card}` in its command.
        weights: of the trained network, for a method that takes one.
        device: for torch: cpu, cuda or auto.
        hidden: folders that the method cannot read.
        time_limit_s: of a session.
        threads: of numeric libraries.

    Raises:
        InputError: Python itself, bifseg, a module folder or the weights lie in a hidden folder.
    """
    places = [Path(place).resolve() for place in hidden]
    check_readable(places, *([weights] if weights else []))
    if card.command:
        words = [word.replace("{card}", str(folder.resolve())) for word in card.command]
        confined = [*_PYTHON, "bifseg.core.sandbox", *map(str, places), "--"] if card.confined else []
        opening = {"settings": card.settings, "device": device, "threads": threads}
        return Program((*confined, *words), opening, time_limit_s, threads)
    opening = {
        "card": card.model_dump(mode="json"),
        "weights": str(weights.resolve()) if weights else "",
        "device": device,
        "hide": list(map(str, places)),
    }
    return Program((*_PYTHON, "bifseg.methods.process.host"), opening, time_limit_s, threads)
