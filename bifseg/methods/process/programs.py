"""The program that runs the method of a card."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from bifseg.cards.cards import MethodCard
from bifseg.core.errors import InputError
from bifseg.core.sandbox import check_readable
from bifseg.core.supervised import Confinement
from bifseg.methods.process.containers import SESSION, Container, find_image
from bifseg.methods.process.places import THREADS, Program
from bifseg.methods.registry import METHODS

_PYTHON = (sys.executable, "-E", "-P", "-m")
_HOST = (*_PYTHON, "bifseg.methods.process.host")
"""Python that ignores its environment variables and the current folder, so that it imports installed code only."""
_ALGORITHM = (*_PYTHON, "bifseg.methods.process.algorithm")


def program(
    card: MethodCard,
    folder: Path,
    weights: Path | None = None,
    device: str = "auto",
    hidden: Iterable[Path] = (),
    time_limit_s: float | None = None,
    threads: int = 1,
    memory_mb: float | None = None,
) -> Program:
    """The program of a method card.

    Args:
        card: has either a `command` or a `method` of the registry.
        folder: the folder of the card's file, `{card}` in its command.
        weights: weights file of the trained network, for a method that takes one; the method can read it and the
            card.json beside it even in a hidden folder.
        device: for torch: cpu, cuda or auto.
        hidden: folders that the method cannot read.
        time_limit_s: of a session; None: no limit.
        threads: most threads of numeric libraries.
        memory_mb: most memory, in MiB, of all processes of the method together; None: no limit.

    Returns:
        The card's own command, or Python with `host`; in a container if the card has an `image`, else confined
        unless a command's card says `confined: false`.

    Raises:
        InputError: a hidden folder holds Python, bifseg or a folder of plug-ins; or no engine has the image.
    """
    hidden = tuple(sorted(Path(path).resolve() for path in hidden))
    check_readable(hidden)
    network = (weights.resolve(), weights.resolve().with_name("card.json")) if weights else ()
    unconfined = bool(card.command) and not card.confined
    confinement = None if unconfined else Confinement(hidden, network, card.online)
    if card.image is not None:
        opening = {"settings": card.settings, "device": device, "threads": threads}
        contained = Program((), opening, time_limit_s, threads, None, memory_mb)
        return _in_container(card, folder, contained)
    if card.command:
        words = tuple(word.replace("{card}", str(folder.resolve())) for word in card.command)
        opening = {"settings": card.settings, "device": device, "threads": threads}
        return Program(words, opening, time_limit_s, threads, confinement, memory_mb)
    opening = {
        "card": card.model_dump(mode="json"),
        "weights": str(weights.resolve()) if weights else "",
        "device": device,
    }
    shareable = card.method in METHODS  # a plug-in keeps a process of its own
    return Program(_HOST, opening, time_limit_s, threads, confinement, memory_mb, shareable=shareable)


def _in_container(card: MethodCard, folder: Path, program: Program) -> Program:
    """The program in a container that sees the shared folder; for `grand-challenge`, two folders in it."""
    engine, image = find_image(str(card.image).replace("{card}", str(folder.resolve())))
    container = Container(engine, image, card.online, card.gpu, program.memory_mb)
    environment = dict.fromkeys(THREADS, str(program.threads)) | {"HOME": "/tmp"}
    if card.exchange == "messages":
        command = [word.replace("{folder}", SESSION) for word in card.command]
        words = container.run(command, {"{folder}": SESSION}, environment)
        return replace(program, command=words, container=container)
    folders = {"{folder}/input": "/input:ro", "{folder}/output": "/output"}
    run = container.run(card.command, folders, environment)
    plays = card.plays.model_dump(mode="json") if card.plays else {}
    if "box" in plays["prompts"]:
        raise InputError("plays.prompts: a grand-challenge algorithm gets points, no box; leave `box` out")
    opening = program.opening | {"plays": plays}
    return replace(program, command=(*_ALGORITHM, *run), opening=opening, container=container)
