"""Which methods of a job share a process."""

from __future__ import annotations

from dataclasses import dataclass

from bifseg.core.child_processes import OwnFolder
from bifseg.core.geometry import Image
from bifseg.core.supervised import SupervisedProcess
from bifseg.methods.process.encodings import Encodings
from bifseg.methods.process.programs import Program


@dataclass
class ProcessSlot:
    """A process that is started when a method needs it, and what it keeps.

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
        self._slots: dict[str, ProcessSlot] = {}
        self.encodings = Encodings()

    def slot(self, program: Program) -> ProcessSlot:
        """The slot of a program's process.

        Args:
            program: how to start the process.

        Returns:
            The slot of an earlier program that fits, or a new one.
        """
        if not program.shareable:
            return ProcessSlot()
        return self._slots.setdefault(program.process_key(), ProcessSlot())
