"""What the sessions of one job have in common: cohort, protocol, method and network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bifseg.cards.capabilities import check_stated, misplaced
from bifseg.cards.cards import MethodCard, ProtocolCard
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.objects import ObjectRow
from bifseg.core.errors import InputError
from bifseg.core.files import file_hash, fingerprint, read_json
from bifseg.core.hard_links import check_hard_links
from bifseg.core.sandbox import module_folders
from bifseg.methods.process.process import MethodProcess
from bifseg.methods.process.programs import program
from bifseg.runs.fingerprints import entry_code, method_fingerprint
from bifseg.runs.shard_plan import Trial
from bifseg.sessions.game import SimulatedUser, User
from bifseg.sessions.record import Identity
from bifseg.sessions.seal import KEY, run_folder


@dataclass(frozen=True)
class JobSetup:
    """The entry, protocol and cohort of one job.

    Attributes:
        card_path: the method card's file, whose name is the method's.
        network: folder that `bifseg train` wrote, for a method that takes one.
        replicates: how often each object is played, each time with other boxes and scribbles.
        device, threads: for the method's process.
    """

    run: str
    seed: int
    cohort: Cohort
    protocol_name: str
    protocol: ProtocolCard
    card_path: Path
    card: MethodCard
    network: Path | None = None
    replicates: int = 1
    device: str = "auto"
    threads: int = 1

    def trials(self, objects: Iterable[ObjectRow]) -> list[Trial]:
        """The trials on these objects, replicate by replicate."""
        return [Trial(row.object, replicate) for row in objects for replicate in range(self.replicates)]

    def identity(self, trial: Trial) -> Identity:
        """The key columns of a session."""
        row, replicate = self.rows[trial.object], trial.replicate
        return Identity(
            run=self.run,
            cohort=self.cohort.name,
            case=row.case,
            object=row.object,
            structure=row.structure,
            seen=row.seen,
            dimension=self.cohort.dimension,
            split=row.split,
            method=self.card_path.stem,
            network=self.network.name if self.network else "",
            protocol=self.protocol_name,
            policy=self.protocol.policy,
            box=self.protocol.box,
            user=self.protocol.user,
            replicate=replicate,
        )

    def fingerprint(self, trial: Trial) -> str:
        """Hash of everything that the session's result depends on."""
        row = self.rows[trial.object]
        return fingerprint(vars(self.identity(trial)), self.cohort.hashes(row), self._common)

    def rules(self) -> dict[str, Any]:
        """What the sessions are played by, as it is written beside them."""
        return self.protocol.model_dump(mode="json")

    def user(self, trial: Trial) -> User:
        """The robot's part of a session, with the object's image and truth read from their files."""
        row, cohort = self.rows[trial.object], self.cohort
        return SimulatedUser(
            cohort.image(row),
            cohort.truth(row),
            self.protocol,
            cohort.box_margin,
            self.seed,
            cohort.raters(row),
            self.identity(trial).seed_key,
            cohort.ignored(row),
        )

    @property
    def fresh_process(self) -> bool:
        """Whether the method's process plays one session only."""
        return (self.protocol.fresh_process or ("object" if self.replicates > 1 else "job")) == "object"

    def method(self, folder: Path | None = None) -> MethodProcess:
        """The method, in a process that can read neither the truth nor what a run derived from it.

        Args:
            folder: of the entry's sessions.

        Raises:
            InputError: the method does not fit, or a label map has a hard link where the method's files lie.
            MethodError, TimeoutError: its process does not open.
        """
        hidden = self.cohort.truth_folders() | (derived_from_truth(folder) if folder else set())
        check_hard_links(self.cohort.truth_files(), hidden, {self.card_path.parent, *module_folders()})
        method = MethodProcess(
            program(
                self.card,
                self.card_path.parent,
                self.network / "weights.pt" if self.network else None,
                self.device,
                hidden,
                self.protocol.time_limit_s,
                self.threads,
                self.protocol.memory_mb,
            )
        )
        shared = self.protocol.scribbles_on == "initial"
        reason = misplaced(method.dimensions, method.prompts, self.cohort.dimension, shared)
        try:
            if reason:
                raise InputError(f"method: {self.card_path.stem} {reason}; leave it out here")
            check_stated(self.card.plays, method.dimensions, method.prompts)
        except InputError:
            method.close()
            raise
        return method

    @cached_property
    def rows(self) -> dict[str, ObjectRow]:
        """The cohort's objects by name."""
        return {row.object: row for row in self.cohort.objects}

    @property
    def _architecture(self) -> str:
        """Of the network; empty for an entry without one."""
        if self.network is None:
            return ""
        path = self.network / "card.json"
        try:
            return str(read_json(path)["card"]["architecture"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: network: missing or damaged; train the network again") from error

    @cached_property
    def _common(self) -> str:
        """Hash of what all sessions of the setup depend on."""
        return fingerprint(
            self.seed,
            self.cohort.box_margin,
            self.protocol.model_dump(mode="json"),
            method_fingerprint(self.card, self.card_path.parent),
            file_hash(self.network / "weights.pt") if self.network else "",
            entry_code(self.card, self.card_path.parent, self.protocol, self._architecture, type(self)),
        )


def derived_from_truth(folder: Path) -> set[Path]:
    """What a run derived from the truth: its own folder, and other runs and histories beside it.

    Args:
        folder: of an entry's sessions, in the run's folder, or anywhere if they are played by hand. Then it is
            hidden with what `bifseg run` and `bifseg score` wrote beside it.
    """
    run = run_folder(folder)
    if run == folder:
        sealed = {path.parent for path in run.parent.glob(f"*/{KEY}")}
        return {run, *sealed, *run.parent.glob("*.parquet")}
    others = {path.parent for path in run.parent.glob("*/config.json")}
    return {run, *others, *run.parent.glob("*.jsonl")}
