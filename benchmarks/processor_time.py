"""Sessions whose seconds are processor time, so that a share divides processor time by processor time."""

from __future__ import annotations

from time import process_time

import bifseg.methods.bifseg.finetuning
import bifseg.networks.computed
import bifseg.sessions.game
import bifseg.sessions.recorder
from bifseg.methods.bifseg.bifseg import BIFSeg

CLOCKED = (
    bifseg.methods.bifseg.finetuning,
    bifseg.networks.computed,
    bifseg.sessions.game,
    bifseg.sessions.recorder,
)


def count_processor_time() -> None:
    """From now on, steps in this process record processor seconds."""
    for module in CLOCKED:
        module.perf_counter = process_time  # type: ignore[attr-defined]


class ProcessorTimed(BIFSeg):
    """BIFSeg that states processor seconds, as a plug-in in a process of its own."""

    def __init__(self, network, **settings):
        count_processor_time()
        super().__init__(network, **settings)
