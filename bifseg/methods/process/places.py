"""How a method's process is started, and which methods of a job share one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bifseg.core.child_processes import OwnFolder
from bifseg.core.geometry import Image
from bifseg.core.supervised import Confinement, SupervisedProcess
from bifseg.methods.process.containers import Container, container_name
from bifseg.methods.process.encodings import Encodings

OPENING_S = 600.0
"""Default time limit of the first answer: enough to load a large network from a slow disk."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Environment variables that limit the threads of numeric libraries."""


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

    def method(self) -> str:
        """What two programs must have in common to be the same method.

        Returns:
            A text: command, settings and weights, without limits.
        """
        return repr((self.command, self.opening, self.container))

    def place(self) -> str:
        """What two programs must have in common so that one process can play both methods.

        Returns:
            A text: everything but the method's card.
        """
        opening = {key: value for key, value in self.opening.items() if key != "card"}
        return repr((self.command, opening, self.threads, self.confinement, self.memory_mb))


@dataclass
class Place:
    """A process that is started when a method needs it.

    Attributes:
        process: None before it is started and after its end.
        folder: shared with the process.
        opened: the method that it plays.
        image: the image that it keeps from the last session.
        encoded: name of the encoding that it keeps.
    """

    process: SupervisedProcess | None = None
    folder: OwnFolder | None = None
    opened: object | None = None
    image: Image | None = None
    encoded: str = ""

    def end(self) -> None:
        """End the process; the next method that needs it starts another."""
        if self.process:
            self.process.end()
        self.process = self.opened = self.image = None
        self.encoded = ""


class SharedProcesses:
    """The processes of a job's worker. Methods of bifseg that fit together share one; every other has its own.

    A shared process plays one session after the other, so that imports and the network are loaded once.

    Attributes:
        encodings: of images, by method, for all processes of the method.
    """

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}
        self.encodings = Encodings()

    def place(self, program: Program) -> Place:
        """The place of a program's process.

        Args:
            program: how to start the process.

        Returns:
            The place of an earlier program that fits, or a new one.
        """
        return self._places.setdefault(program.place(), Place()) if program.shareable else Place()
