"""A run's folder, and the configuration that the run was started with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bifseg.cards.cards import MethodCard, read_card
from bifseg.cards.entries import split_entry
from bifseg.cards.protocol_levels import read_protocol
from bifseg.cards.run import RunCard
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.manifest import ManifestRow
from bifseg.cohorts.objects import ObjectRow
from bifseg.core.errors import InputError
from bifseg.core.files import read_json
from bifseg.core.seeds import generator
from bifseg.runs.job_groups import initial_source, job_groups
from bifseg.runs.shard_plan import Trial, shard_numbers

if TYPE_CHECKING:  # what plays sessions takes longer to import than all else that a run's status needs
    from bifseg.runs.job_setup import JobSetup
    from bifseg.runs.session_worker import EntryJob


@dataclass(frozen=True)
class Condition:
    """An entry under a protocol on a cohort."""

    cohort: str
    protocol: str
    entry: str

    @property
    def method(self) -> str:
        """METHOD of METHOD@NETWORK."""
        return split_entry(self.entry)[0]

    @property
    def network(self) -> str:
        """NETWORK of METHOD@NETWORK; empty for an entry without a network."""
        return split_entry(self.entry)[1]


class Run:
    """A run's folder.

    Args:
        folder: RESULTS/RUN.

    Attributes:
        folder: RESULTS/RUN.
        card: the configuration that the workflow wrote to config.json when the run started.

    Raises:
        InputError: there is no such run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        try:
            self.card = RunCard.model_validate(read_json(self.folder / "config.json"))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{self.folder / 'config.json'}: run: missing or damaged; name the folder RESULTS/RUN of a run that "
                "snakemake started"
            ) from error

    def conditions(self) -> Iterator[Condition]:
        """The run's conditions.

        Yields:
            Each cohort with its protocols and their entries, in the configuration's order.
        """
        for cohort, experiment in self.card.cohorts.items():
            for protocol, entries in experiment.protocols.items():
                yield from (Condition(cohort, protocol, entry) for entry in entries)

    def networks(self) -> Iterator[tuple[str, str]]:
        """The networks that the run trains.

        Yields:
            (cohort, network): those listed under `networks` first, then those of entries.
        """
        used = [(condition.cohort, condition.network) for condition in self.conditions() if condition.network]
        listed = [
            (cohort, name) for cohort, experiment in self.card.cohorts.items() for name in experiment.networks
        ]
        yield from dict.fromkeys([*listed, *used])

    def cohort(self, name: str) -> Cohort:
        """A prepared cohort.

        Args:
            name: the cohort's name.

        Returns:
            The cohort with its objects.

        Raises:
            InputError: the cohort is not prepared, or its files are damaged.
        """
        return Cohort.load(self.folder / "cohorts" / name)

    def sessions(self, condition: Condition) -> Path:
        """The folder of a condition's sessions.

        Args:
            condition: a condition of the run.

        Returns:
            RUN/sessions/COHORT/PROTOCOL/ENTRY, which need not exist yet.
        """
        return self.folder / "sessions" / condition.cohort / condition.protocol / condition.entry

    def scores(self, condition: Condition) -> Path:
        """The folder with the scores of a condition's sessions and of the other entries of its group.

        Args:
            condition: a condition of the run.

        Returns:
            RUN/scores/COHORT/GROUP, with a file shard-N.parquet for each job that has ended.
        """
        groups = job_groups(self.card.cohorts[condition.cohort].protocols, Path(self.card.cards))
        group = next(g for g, parts in groups.items() if (condition.protocol, condition.entry) in parts)
        return self.folder / "scores" / condition.cohort / group

    def score_files(self) -> list[Path]:
        """The files of scores that the jobs of the whole run write.

        Returns:
            RUN/scores/COHORT/GROUP/shard-N.parquet of each cohort and group, which need not exist yet.

        Raises:
            InputError: a card, or the plan of a group's shards, is missing or damaged.
        """
        cards, files = Path(self.card.cards), []
        for cohort, experiment in self.card.cohorts.items():
            for group in job_groups(experiment.protocols, cards):
                numbers = shard_numbers(self.card.shards, self.folder / "plans" / cohort / f"{group}.tsv")
                folder = self.folder / "scores" / cohort / group
                files += [folder / f"shard-{number}.parquet" for number in numbers]
        return files

    def network(self, cohort: str, name: str) -> Path:
        """The folder of a trained network.

        Args:
            cohort: name of the cohort that the network is trained on.
            name: the network's name.

        Returns:
            RUN/networks/COHORT/NETWORK, which need not exist yet.
        """
        return self.folder / "networks" / cohort / name

    def group(self, cohort: str, group: str) -> list[EntryJob]:
        """The entries that one job plays.

        Args:
            cohort: name of a prepared cohort of the run.
            group: name of the group; see `job_groups`.

        Returns:
            The entries' setups, which share the cohort's images, with their folders.

        Raises:
            InputError: the run has no such cohort or group, or a card or the cohort cannot be read.
        """
        from bifseg.runs.session_worker import EntryJob

        cards, played = Path(self.card.cards), self.card.cohorts
        groups = job_groups(played[cohort].protocols, cards) if cohort in played else {}
        if group not in groups:
            known = f"has the groups {', '.join(groups)}" if groups else "is not a cohort of the run"
            raise InputError(f"{self.folder / 'config.json'}: {group}: unknown; {cohort} {known}")
        members = self.cohort(cohort)
        conditions = [Condition(cohort, protocol, entry) for protocol, entry in groups[group]]
        return [EntryJob(self.setup(c, members), self.sessions(c)) for c in conditions]

    def setup(self, condition: Condition, cohort: Cohort) -> JobSetup:
        """The setup of a condition, with its cards as they are now.

        Args:
            condition: a condition of the run.
            cohort: the condition's cohort.

        Returns:
            The setup with the run's seed, replicates and device.

        Raises:
            InputError: a card is missing or wrong.
        """
        from bifseg.runs.job_setup import JobSetup

        cards = Path(self.card.cards)
        method = cards / "methods" / f"{condition.method}.yaml"
        rules = read_protocol(cards / "protocols" / f"{condition.protocol}.yaml")
        source = initial_source(self.card.cohorts[condition.cohort].protocols, condition.protocol, cards)
        return JobSetup(
            run=self.card.run,
            seed=self.card.seed,
            cohort=cohort,
            protocol_name=condition.protocol,
            protocol=rules,
            card_path=method,
            card=read_card(MethodCard, method),
            network=self.network(condition.cohort, condition.network) if condition.network else None,
            replicates=self.card.replicates,
            device=self.card.device,
            initial=self.sessions(Condition(condition.cohort, *source)) if source else None,
        )

    def trials(self, cohort: Cohort) -> list[Trial]:
        """The trials on a cohort, also those of objects that some entry leaves out.

        Args:
            cohort: a cohort of the run.

        Returns:
            One trial a replicate of each object in the run's split.
        """
        objects = self.objects(cohort)
        return [Trial(row.object, replicate) for row in objects for replicate in range(self.card.replicates)]

    def objects(self, cohort: Cohort) -> list[ObjectRow]:
        """The objects of a cohort that the run plays.

        Args:
            cohort: a cohort of the run.

        Returns:
            Those of the run's split or, if the configuration gives a number of `patients`, of its first patients.
        """
        rows = cohort.select(split=self.card.split)
        played = set(self.patients(cohort)[: self.card.patients])
        return [row for row in rows if row.group in played]

    def patients(self, cohort: Cohort) -> list[str]:
        """The patients of the run's split in the order in which they are drawn.

        Args:
            cohort: a cohort of the run.

        Returns:
            All of them, also those beyond the configuration's number of `patients`.
        """
        return drawn_patients(cohort.select(split=self.card.split), self.card.seed)


def drawn_patients(rows: Iterable[ObjectRow] | Iterable[ManifestRow], seed: int) -> list[str]:
    """The patients of objects in random order.

    Args:
        rows: objects, or rows of a manifest.
        seed: seed of the run.

    Returns:
        Each patient once. The first ones stay the first ones when other patients join.
    """
    patients = {row.group for row in rows}
    return sorted(patients, key=lambda name: (generator(seed, "patients", name).random(), name))
