"""The options that all commands for sessions share: `bifseg plan`, `run` and `replay`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bifseg.cli.options import (
    CohortFolder,
    Device,
    InitialFolder,
    MethodCardFile,
    NetworkFolder,
    OutFolder,
    Replicates,
    RunName,
    Seed,
    Split,
    Threads,
    Workers,
)

if TYPE_CHECKING:  # --help must not import torch
    from bifseg.cards.cards import ProtocolCard
    from bifseg.runs.job_setup import JobSetup


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """The method, cohort and resources of a job; each field is an option or an argument."""

    card: MethodCardFile
    cohort: CohortFolder
    out: OutFolder
    network: NetworkFolder = None
    split: Split = "test"
    name: RunName = "by-hand"
    seed: Seed = 2018
    replicates: Replicates = 1
    device: Device = "auto"
    workers: Workers = 1
    threads: Threads = 1
    initial: InitialFolder = None

    def setup(self, protocol_name: str, protocol: ProtocolCard) -> JobSetup:
        """The setup of the job under a protocol.

        Args:
            protocol_name: name of the protocol.
            protocol: its card.

        Returns:
            The setup with the cards and the cohort that the options name.

        Raises:
            InputError: the method card or the prepared cohort cannot be read.
        """
        from bifseg.cards.cards import MethodCard, read_card
        from bifseg.cohorts.cohort import Cohort
        from bifseg.runs.job_setup import JobSetup

        return JobSetup(
            run=self.name,
            seed=self.seed,
            cohort=Cohort.load(self.cohort),
            protocol_name=protocol_name,
            protocol=protocol,
            card_path=self.card,
            card=read_card(MethodCard, self.card),
            network=self.network,
            replicates=self.replicates,
            device=self.device,
            threads=self.threads,
            initial=self.initial,
        )
