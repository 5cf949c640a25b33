"""How a method's process is started: command, first message and limits."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bifseg.cards.cards import MethodCard
from bifseg.core.child_processes import OwnFolder
from bifseg.core.errors import InputError
from bifseg.core.sandbox import check_readable
from bifseg.core.supervised import Confinement
from bifseg.methods.process.containers import SESSION, Container, container_name, find_image
from bifseg.methods.registry import METHODS

OPENING_S = 600.0
"""Default time limit of the first answer: enough to load a large network from a slow disk."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Environment variables that limit the threads of numeric libraries."""
_PYTHON = (sys.executable, "-E", "-P", "-m")
_HOST = (*_PYTHON, "bifseg.methods.process.host")
"""Python that ignores its environment variables and the current folder, so that it imports installed code only."""
_ALGORITHM = (*_PYTHON, "bifseg.methods.process.algorithm")


@dataclass(frozen=True)
class Program:
    """The command, the first message and the limits of a method's process.

    Attributes:
        command: words of the command; `{folder}` becomes the folder that the process shares with the session, `{name}`
            the name of its container.
        opening: keys of the first message beside `"call": "open"`.
        time_limit_s: of a session, from `start` on; None: no limit.
        threads: most threads of the process's numeric libraries.
        confinement: what the process cannot reach; None: it runs unconfined.
        memory_mb: most memory, in MiB, of all processes of the method together; None: no limit.
        opening_s: time limit of the first answer.
        shareable: whether the process can play other methods with the same weights between two sessions.
        container: in which the command runs; None: in none.
    """

    command: tuple[str, ...]
    opening: dict[str, Any] = field(default_factory=dict)
    time_limit_s: float | None = None
    threads: int = 1
    confinement: Confinement | None = None
    memory_mb: float | None = None
    opening_s: float = OPENING_S
    shareable: bool = False
    container: Container | None = None

    def filled_in(self, words: Iterable[str], folder: OwnFolder) -> list[str]:
        """The words of a command with the names of the shared folder and of the container.

        Args:
            words: with `{folder}` and `{name}` in their place.
            folder: that of the process.

        Returns:
            New words.
        """
        names = {"{folder}": str(folder.shared), "{name}": container_name(folder.path)}
        for placeholder, name in names.items():
            words = [word.replace(placeholder, name) for word in words]
        return list(words)

    @property
    def is_host(self) -> bool:
        """Whether the program is bifseg's host of Python methods, which reads strokes and writes windows."""
        return "card" in self.opening

    def method_key(self) -> str:
        """A text that is equal for two programs of the same method.

        Returns:
            Command, settings and weights, without limits.
        """
        return repr((self.command, self.opening, self.container))

    def process_key(self) -> str:
        """A text that is equal for two programs if one process can play the methods of both.

        Returns:
            Everything but the method's card.
        """
        opening = {key: value for key, value in self.opening.items() if key != "card"}
        return repr((self.command, opening, self.threads, self.confinement, self.memory_mb))


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
    confined = card.image is None and (card.confined or not card.command)
    confinement = Confinement(hidden, network, card.online) if confined else None
    if card.command or card.image is not None:
        words = tuple(word.replace("{card}", str(folder.resolve())) for word in card.command)
        opening = {"settings": card.settings, "device": device, "threads": threads}
        command = Program(words, opening, time_limit_s, threads, confinement, memory_mb)
        return command if card.image is None else _in_container(card, folder, command)
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
    assert card.plays, "a card with this exchange has it"
    if "box" in card.plays.prompts:
        raise InputError("plays.prompts: a grand-challenge algorithm gets points, no box; leave `box` out")
    opening = program.opening | {"plays": card.plays.model_dump(mode="json")}
    return replace(program, command=(*_ALGORITHM, *run), opening=opening, container=container)
