"""What the sessions of one job have in common: cohort, protocol, method and network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bifseg.cards.capabilities import check_stated, method_problem
from bifseg.cards.cards import MethodCard, ProtocolCard
from bifseg.cards.made_networks import network_card_of
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.objects import ObjectRow
from bifseg.core.errors import InputError
from bifseg.core.files import file_hash, fingerprint
from bifseg.core.geometry import Image, Mask
from bifseg.core.hard_links import check_hard_links
from bifseg.core.run_place import KEY, run_folder
from bifseg.core.sandbox import module_folders
from bifseg.core.wording import counted
from bifseg.methods.process.process import MethodProcess
from bifseg.methods.process.programs import program
from bifseg.methods.process.shared_processes import SharedProcesses
from bifseg.methods.registry import METHODS
from bifseg.runs.fingerprints import entry_code, method_fingerprint
from bifseg.runs.shard_plan import Trial
from bifseg.sessions.archive import Archive
from bifseg.sessions.record import Identity
from bifseg.sessions.users import SimulatedUser, User, seen_image


@dataclass(frozen=True)
class JobSetup:
    """The entry, protocol and cohort of one job.

    Attributes:
        run: name of the run.
        seed: seed of the run.
        cohort: the prepared cohort.
        protocol_name: name of the protocol's card.
        protocol: the rules of every session.
        card_path: file of the method's card; its name without ending is the method's name.
        card: the method's card.
        network: folder that `bifseg train` wrote; None for a method without a network.
        replicates: sessions of each object, each with another box and other scribbles.
        device: device of the method's process: `auto`, `cpu` or `cuda`.
        threads: threads of the method's process.
        initial: folder of the sessions whose results a protocol with `initial_from: ENTRY` corrects.
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
    initial: Path | None = None

    def trials(self, objects: Iterable[ObjectRow]) -> list[Trial]:
        """The trials on objects.

        Args:
            objects: rows of the cohort.

        Returns:
            One trial a replicate, object by object, without those of `left_out`.

        Raises:
            InputError: there is no object, or the protocol begins with a mask and an object has none.
        """
        objects = list(objects)
        if not objects:
            raise InputError(
                f"{self.cohort.folder / 'objects.tsv'}: split: no object is in the split to play; put patients into "
                "it, or set `split` in the configuration"
            )
        objects = [row for row in objects if row.object not in self.left_out]
        self._check_initial(objects)
        return [Trial(row.object, replicate) for row in objects for replicate in range(self.replicates)]

    def identity(self, trial: Trial) -> Identity:
        """The label of a session: the key columns of `scores`.

        Args:
            trial: an object of the cohort, with its replicate.

        Returns:
            The label.
        """
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
            box=self.protocol.box_label,
            user=self.protocol.user,
            replicate=replicate,
            disturbance=self.protocol.disturbance[0],
            level=self.protocol.disturbance[1],
        )

    def fingerprint(self, trial: Trial) -> str:
        """Hash of everything that a session's result depends on.

        Args:
            trial: an object of the cohort, with its replicate.

        Returns:
            Hexadecimal digits: code, cards, weights, seed, and the object's image and truth.
        """
        row = self.rows[trial.object]
        parts: list[Any] = [vars(self.identity(trial)), self.cohort.hashes(row, self.channels), self._common]
        if self.initial:
            parts.append(_archive(self.initial).fingerprint(trial.session))
        return fingerprint(*parts)

    def rules(self) -> dict[str, Any]:
        """The rules of the sessions, as `protocol.json` beside them holds them.

        Returns:
            Values by the keys of a protocol card.
        """
        return self.protocol.model_dump(mode="json")

    def user(self, trial: Trial) -> User:
        """The simulated user of a session.

        Args:
            trial: an object of the cohort, with its replicate.

        Returns:
            A user with the object's image and truth, read from their files.

        Raises:
            InputError: a file is missing or unreadable, or has changed since the cohort was prepared.
        """
        row, cohort, key = self.rows[trial.object], self.cohort, self.identity(trial).seed_key
        image = cohort.image(row, self.channels)
        if self.protocol.disturb:
            image = _disturbed_image(cohort, row, self.channels, self.protocol, self.seed, key)
        return SimulatedUser(
            image,
            cohort.truth(row),
            self.protocol,
            cohort.box_margin,
            self.seed,
            cohort.raters(row),
            key,
            cohort.ignored(row),
            self._existing(trial),
        )

    @property
    def fresh_process(self) -> bool:
        """Whether every session starts a new process of the method.

        Only a plug-in or program may remember strokes: bifseg's own methods keep nothing but an image's features.
        """
        is_foreign = self.card.method not in METHODS
        default = "object" if self.replicates > 1 and is_foreign else "job"
        return (self.protocol.fresh_process or default) == "object"

    def method(self, folder: Path | None = None, shared: SharedProcesses | None = None) -> MethodProcess:
        """The method, in a process that can read neither the truth nor any file derived from it.

        Args:
            folder: the folder of the entry's sessions; None if sessions are not stored.
            shared: the processes of the job, one of which may play the method too.

        Returns:
            The method's process, which the caller closes.

        Raises:
            InputError: the method does not fit the cohort or the protocol, or contradicts its card; or a label map has
                a hard link in a folder of the method's files.
            MethodError: its process does not start.
            TimeoutError: its process does not start in time.
        """
        hidden = self.cohort.truth_folders | (derived_from_truth(folder) if folder else set())
        check_hard_links(self.cohort.truth_files, hidden, {self.card_path.parent, *module_folders()})
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
            ),
            shared,
        )
        reason = method_problem(
            method.dimensions, method.prompts, self.cohort.dimension, self.protocol, self.card.plays
        )
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
        """The rows of the cohort's objects by name.

        Returns:
            Rows in the cohort's order.
        """
        return {row.object: row for row in self.cohort.objects}

    @cached_property
    def left_out(self) -> dict[str, str]:
        """The objects that are not played: their case lacks a channel that the method or its network needs.

        Returns:
            The reasons by the object's name.
        """
        lacking = {row.object: row.lacking(self.channels) for row in self.cohort.objects}
        return {name: f"no channel {', '.join(names)}" for name, names in lacking.items() if names}

    @cached_property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels that the method or its network gets beside the structure's own.

        Returns:
            Each name once.
        """
        of_method = self.card.plays.extra_channels(self.cohort.channels) if self.card.plays else ()
        return tuple(dict.fromkeys([*of_method, *self._network_card.get("channels", [])]))

    def _check_initial(self, objects: list[ObjectRow]) -> None:
        """Raise InputError if the protocol begins with a mask and an object has none."""
        source = self.protocol.initial_from
        if source is None:
            return
        if source != "manifest" and self.initial is None:
            raise InputError(
                f"--initial: {self.protocol_name} begins with results of {source}; name their folder"
            )
        lacking = [row.object for row in objects if source == "manifest" and not row.initial]
        if lacking:
            raise InputError(
                f"{self.cohort.folder}: {counted(len(lacking), 'object')} without a file in the manifest's column "
                f"`initial`, such as {lacking[0]}; {self.protocol_name} begins with it: name one a case, or leave the "
                "cases out"
            )

    def _existing(self, trial: Trial) -> Mask | None:
        """The mask that a session begins with: that of the manifest, or another entry's last result of round 0."""
        if self.protocol.begin != "mask":
            return None
        if self.initial is None:
            return self.cohort.initial(self.rows[trial.object])
        session = _archive(self.initial).load(trial.session)
        first = [step for step in session.steps if step.round == 0]
        mask = first[-1].mask if first else np.zeros(session.box.shape, bool)  # a failed session has none
        whole: Mask = session.box.paste(mask, session.grid.shape)
        return whole

    @cached_property
    def _network_card(self) -> dict[str, Any]:
        """Keys of the card that the network was made by; none for an entry without a network."""
        return network_card_of(self.network) if self.network else {}

    @cached_property
    def _common(self) -> str:
        """Hash of everything that all sessions of the setup depend on."""
        return fingerprint(
            self.seed,
            self.cohort.box_margin,
            self.protocol.model_dump(mode="json"),
            method_fingerprint(self.card, self.card_path.parent),
            file_hash(self.network / "weights.pt") if self.network else "",
            entry_code(
                self.card,
                self.card_path.parent,
                self.protocol,
                self._network_card.get("architecture", ""),
                type(self),
            ),
        )


@lru_cache(maxsize=2)
def _disturbed_image(
    cohort: Cohort,
    row: ObjectRow,
    channels: tuple[str, ...],
    protocol: ProtocolCard,
    seed: int,
    key: tuple[str | int, ...],
) -> Image:
    """The image under a protocol: entries of a job get the very same object, so that they share what is computed."""
    return seen_image(cohort.image(row, channels), protocol, seed, key)


@lru_cache(maxsize=4)
def _archive(folder: Path) -> Archive:
    """The archive of a folder, which is opened once."""
    return Archive(folder)


def derived_from_truth(folder: Path) -> set[Path]:
    """Paths that hold results derived from the truth, which no method may read.

    Args:
        folder: the folder of an entry's sessions, in a run's folder or anywhere else.

    Returns:
        The run's folder, and other runs and histories beside it. Outside of a run: `folder`, and beside it the folders
        that `bifseg run` and the tables that `bifseg score` wrote.
    """
    run = run_folder(folder)
    if run == folder:
        sealed = {path.parent for path in run.parent.glob(f"*/{KEY}")}
        return {run, *sealed, *run.parent.glob("*.parquet")}
    others = {path.parent for path in run.parent.glob("*/config.json")}
    histories = set(run.parent.glob("*.jsonl"))
    return {run, *others, *histories, *(path.with_suffix("") for path in histories)}
