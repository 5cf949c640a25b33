"""A run's scores with its protocols, target and cohorts, read once from the run's folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bifseg.analysis.names import GROUP, data_note
from bifseg.analysis.protocol_roles import ProtocolRoles, protocol_roles
from bifseg.analysis.rules import StoppingRule, stopping_rule
from bifseg.analysis.run_files import left_out, played_cards, read_metrics, simulated_cohorts
from bifseg.analysis.scores import read_scores
from bifseg.analysis.stages import final_rows, rows_by_stage
from bifseg.analysis.words import exposures_by


@dataclass(frozen=True)
class RunScores:
    """The scores of a run, its protocols, and the Dice that counts as reached.

    Attributes:
        frame: a row a step, with the columns of `scores.COLUMNS`, undisturbed sessions alone; `read` makes words
            categorical.
        cards: the card of each protocol of the scores, by name, with every key.
        simulated: names of cohorts whose images a simulator made.
        target: Dice that counts as reached, in (0, 1].
        left_out: by cohort and entry, how many objects were not played and why.
        disturbed: the rows under protocols with a disturbance, all levels; those of level 0 are in `frame` too.
    """

    frame: pd.DataFrame
    cards: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    simulated: frozenset[str] = frozenset()
    target: float = 0.90
    left_out: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    disturbed: pd.DataFrame = field(default_factory=pd.DataFrame)

    @classmethod
    def read(cls, run: Path, target: float = 0.90) -> RunScores:
        """The scores of a run's folder; the process then knows the run's metrics.

        Args:
            run: RESULTS/RUN, with scores.parquet.
            target: Dice that counts as reached.

        Returns:
            The scores with protocol cards and cohorts.

        Raises:
            InputError: there are no scores, or entries under one protocol have different stopping rules.
        """
        read_metrics(run)
        rows = read_scores(run / "scores.parquet", categorical=True)
        cards, simulated = played_cards(run, rows), frozenset(simulated_cohorts(run))
        undisturbed = rows["level"] == 0
        frame = rows if undisturbed.all() else rows[undisturbed].reset_index(drop=True)
        disturbed = rows[rows["disturbance"] != ""]
        return cls(frame, cards, simulated, target, left_out(run, frame), disturbed)

    @property
    def every_row(self) -> pd.DataFrame:
        """All rows of the run, disturbed sessions too."""
        if self.disturbed.empty:
            return self.frame
        return pd.concat([self.frame, self.disturbed[self.disturbed["level"] > 0]], ignore_index=True)

    @cached_property
    def rules(self) -> dict[str, StoppingRule]:
        """The stopping rules.

        Returns:
            Rules by protocol.
        """
        return {name: StoppingRule.of(card) for name, card in self.cards.items()}

    @cached_property
    def roles(self) -> ProtocolRoles:
        """The roles of the run's protocols.

        Returns:
            The main protocol and those related to it.
        """
        return protocol_roles(self.cards)

    @cached_property
    def cohorts(self) -> list[CohortScores]:
        """The scores of each cohort.

        Returns:
            Cohorts sorted by name; empty without scores.
        """
        column = self.frame["cohort"]  # alone, since `groupby` copies all that it groups
        places = {
            str(name): np.asarray(at) for name, at in column.groupby(column, observed=True).indices.items()
        }
        return [CohortScores(name, _rows(self.frame, at), self) for name, at in sorted(places.items())]


@dataclass(frozen=True)
class CohortScores:
    """The scores of one cohort of a run; tables that several pages show are computed once.

    Attributes:
        name: name of the cohort.
        frame: its rows of the run's scores.
        run: scores of the whole run.
    """

    name: str
    frame: pd.DataFrame
    run: RunScores

    @cached_property
    def stages(self) -> dict[str, pd.DataFrame]:
        """The results at each stage.

        Returns:
            Rows of `stages.rows_by_stage`, one a session, by stage.
        """
        return rows_by_stage(self.frame, self.run.roles.shared)

    @cached_property
    def final(self) -> pd.DataFrame:
        """The final results under the main protocol.

        Returns:
            Rows of `stages.final_rows`, one a session.
        """
        own = self.run.roles.own
        return final_rows(self.frame, own, self.run.rules.get(own))

    def final_under(self, protocol: str) -> pd.DataFrame:
        """The final results under any protocol.

        Args:
            protocol: name of the protocol.

        Returns:
            Rows of `stages.final_rows`, one a session.

        Raises:
            InputError: the protocol's card is missing.
        """
        rule = self.rule(protocol)
        return self.final if protocol == self.run.roles.own else final_rows(self.frame, protocol, rule)

    @cached_property
    def exposures(self) -> pd.DataFrame:
        """What the models of the entries saw of each structure's objects in training.

        Returns:
            A row per structure and entry with its `exposure` in words.
        """
        return exposures_by(self.frame, GROUP).reset_index()

    @property
    def disturbed(self) -> pd.DataFrame:
        """Its rows under protocols with a disturbance, all levels."""
        rows = self.run.disturbed
        return rows[rows["cohort"] == self.name] if len(rows) else rows

    @property
    def note(self) -> str:
        """The sentence about the data at the end of every caption."""
        parts = self.run.left_out.get(self.name, {}).values()
        left = f" Left out: {'; '.join(parts)}." if parts else ""
        return data_note(self.frame, self.name, self.name in self.run.simulated) + left

    def plays(self, protocol: str) -> bool:
        """Whether the cohort has sessions under a protocol.

        Args:
            protocol: name of the protocol.

        Returns:
            True if the scores have at least one row of it.
        """
        return bool((self.frame["protocol"] == protocol).any())

    def rule(self, protocol: str) -> StoppingRule:
        """The stopping rule of a protocol.

        Args:
            protocol: name of the protocol.

        Returns:
            The rule.

        Raises:
            InputError: the protocol's card is missing.
        """
        return stopping_rule(self.run.rules, protocol)


def _rows(frame: pd.DataFrame, places: NDArray[np.intp]) -> pd.DataFrame:
    """The rows of a table at increasing places; if they lie together, a view: a million rows need no second copy."""
    first, last = int(places[0]), int(places[-1])
    return frame.iloc[first : last + 1] if last - first + 1 == len(places) else frame.iloc[places]
