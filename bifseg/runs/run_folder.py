"""The folder of a run, and the configuration that the run was started with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bifseg.cards.cards import MethodCard, ProtocolCard, read_card
from bifseg.cards.entries import split_entry
from bifseg.cards.run import RunCard
from bifseg.cohorts.cohort import Cohort
from bifseg.core.errors import InputError
from bifseg.core.files import read_json
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.shard_plan import Trial


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
        """NETWORK of METHOD@NETWORK; empty where there is none."""
        return split_entry(self.entry)[1]


class Run:
    """The folder of a run.

    Attributes:
        folder: RESULTS/RUN.
        card: the configuration, as the workflow wrote it to config.json when it began.

    Raises:
        InputError: there is no such run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        try:
            self.card = RunCard.model_validate(read_json(self.folder / "config.json"))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{self.folder / 'config.json'}: run: not there or damaged; name the folder RESULTS/RUN of a run that "
                "snakemake began"
            ) from error

    def conditions(self) -> Iterator[Condition]:
        """The conditions of the configuration, in its order."""
        for cohort, asked in self.card.cohorts.items():
            for protocol, entries in asked.protocols.items():
                yield from (Condition(cohort, protocol, entry) for entry in entries)

    def networks(self) -> Iterator[tuple[str, str]]:
        """(cohort, network) of every network that is trained, in order."""
        named = [
            (condition.cohort, condition.network) for condition in self.conditions() if condition.network
        ]
        asked = [(cohort, name) for cohort, play in self.card.cohorts.items() for name in play.networks]
        yield from dict.fromkeys([*asked, *named])

    def cohort(self, name: str) -> Cohort:
        """A prepared cohort; raises InputError when it is not."""
        return Cohort.load(self.folder / "cohorts" / name)

    def sessions(self, condition: Condition) -> Path:
        """The folder of an entry's sessions."""
        return self.folder / "sessions" / condition.cohort / condition.protocol / condition.entry

    def network(self, cohort: str, name: str) -> Path:
        """The folder of a trained network."""
        return self.folder / "networks" / cohort / name

    def setup(self, condition: Condition, cohort: Cohort) -> JobSetup:
        """The setup of a condition, with its cards read again. Raises InputError where a card is missing or wrong."""
        cards = Path(self.card.cards)
        method = cards / "methods" / f"{condition.method}.yaml"
        rules = read_card(ProtocolCard, cards / "protocols" / f"{condition.protocol}.yaml")
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
        )

    def trials(self, cohort: Cohort) -> list[Trial]:
        """The trials of every entry on a cohort."""
        objects = cohort.select(split=self.card.split)
        return [Trial(row.object, replicate) for row in objects for replicate in range(self.card.replicates)]
