"""The claims of Wang et al. (2018), each with its numbers, its test and a verdict by a stated rule."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bifseg.analysis.interactions import cost_to_target
from bifseg.analysis.names import BASE_NET, GROUP, METHODS, SHARED_SCRIBBLES, TOOLS
from bifseg.analysis.paired import STRUCTURE, compare_all, main_network
from bifseg.analysis.run_scores import CohortScores, RunScores
from bifseg.analysis.scores import without_mm
from bifseg.analysis.stages import mean_std
from bifseg.analysis.statistics import LEVEL
from bifseg.core.wording import counted

HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "not enough data"
BETTER, AS_GOOD, SHOWN = "better", "at least as good", "shown only"
BY_FOUR = "better by 4 points"
GAIN = 0.04
"""Least gain in Dice of `better by 4 points`."""
MARGIN = GAIN / 2
"""Non-inferiority margin of `at least as good`: the interval of the difference in Dice must lie above its negative. It
is half of the least gain that the paper claims for scribbles, so that at least half of the gain remains (the usual
choice: FDA, Non-Inferiority Clinical Trials, 2016)."""

Entry = tuple[str, str]
_Plan = Mapping[tuple[Entry, str], str]
"""The rule by (opponent, measure)."""

_POINTS = f"{100 * MARGIN:g} points"
_TESTED = [*GROUP, "measure"]
_PAIRED_BY = ["cohort", "patient", "object", "replicate", "training_seed", "status"]
_MEANS = ("mean", "std", "against_mean", "against_std")
_COUNTS = ("n", "patients", "failed", "family")
_NUMBERS = ("difference_mean", "difference_low", "difference_high", "effect", "t_p", "wilcoxon_p", "holm_p")
COMPARISON = [*GROUP, "against_method", "against_network"]
"""Columns that identify a method, its opponent and the structure."""
ROW = [*COMPARISON, "measure", *_MEANS, *_COUNTS[:3], *_NUMBERS, "rule", "verdict", "note"]
"""Columns of a claim's rows."""


@dataclass(frozen=True)
class Claim:
    """A claim about one cohort.

    Attributes:
        cohort: name of the cohort.
        number: number of the claim, 1 to 4.
        statement: the claim in our words.
        rule: what is compared, and when the claim holds.
        joined: whether all measures of an opponent on a structure form one comparison; otherwise each row is one.
        rows: a row per structure, opponent and measure, seen structures first: `mean` and `std` of `measure`
            for the entry (`method`, `network`) and its opponent (`against_...`), the paired difference and
            its tests as in `paired.compare` (entry minus opponent), `rule`, `verdict` and `note`. NaN
            if there is nothing to compare.
    """

    cohort: str
    number: int
    statement: str
    rule: str
    joined: bool
    rows: pd.DataFrame

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """The comparisons that count.

        Returns:
            A row a comparison: the entry, its opponent, the structure and the `verdict`.
        """
        keys = COMPARISON if self.joined else [*COMPARISON, "measure"]
        decided = self.rows[self.rows["rule"] != SHOWN]
        return decided.groupby(keys, sort=False)["verdict"].agg(together).reset_index()

    @property
    def verdict(self) -> str:
        """`holds` if all comparisons hold, `does not hold` if one does not, otherwise `not enough data`."""
        return together(self.comparisons["verdict"])

    def count(self, seen: bool) -> str:
        """How many comparisons hold.

        Args:
            seen: whether to count those on seen structures or those on unseen ones.

        Returns:
            For example `3 of 4` or `3 of 4 (1 without enough data)`.
        """
        verdicts = self.comparisons.loc[self.comparisons["seen"] == seen, "verdict"].tolist()
        unknown = verdicts.count(UNKNOWN)
        note = f" ({unknown} without enough data)" if unknown else ""
        return f"{verdicts.count(HOLDS)} of {len(verdicts)}{note}"


def together(verdicts: Iterable[str]) -> str:
    """The joint verdict on several comparisons.

    Args:
        verdicts: verdicts of the comparisons.

    Returns:
        `does not hold` if one does not, `holds` if all hold, otherwise `not enough data`, also without comparisons.
    """
    kinds = set(verdicts)
    return FAILS if FAILS in kinds else HOLDS if kinds == {HOLDS} else UNKNOWN


def claims(run: RunScores) -> list[Claim]:
    """The four claims about every cohort of a run.

    Args:
        run: scores of a run; a lower Dice than its target counts as reached if the main protocol ends sessions there.

    Returns:
        Claims by cohort and number; empty without scores.

    Raises:
        InputError: there are sessions under the main protocol, but its card is missing.
    """
    own = run.roles.own
    goal = run.rules[own].goal(run.target) if own in run.rules else run.target
    words = {"own": own, "goal": f"{100 * goal:g}%"}
    return [
        Claim(cohort.name, number, statement.format(**words), rule.format(**words), number == 4, rows)
        for cohort in run.cohorts
        for (number, (statement, rule)), rows in zip(_WORDS.items(), _evidence(cohort, goal), strict=True)
    ]


def _to_goal(cohort: CohortScores, goal: float) -> pd.DataFrame:
    """Rows of `interactions.cost_to_target` under the main protocol."""
    own = cohort.run.roles.own
    if not cohort.plays(own):
        return cohort.frame[:0]
    return cost_to_target(cohort.frame, goal, cohort.rule(own), own)


def _evidence(cohort: CohortScores, goal: float) -> list[pd.DataFrame]:
    """The rows of each claim about one cohort; `goal` is a Dice."""
    scores, stages = cohort.frame, cohort.stages
    main = main_network(scores)
    base, crf, unweighted, bifseg = ((method, main) for method in METHODS)
    networks = sorted(set(scores.loc[scores["method"] == BASE_NET, "network"]) - {main})
    cnns = [(BASE_NET, network) for network in networks] or [("other CNNs", "")]
    tools = [(tool, "") for tool in TOOLS if tool in scores["method"].unique()] or [("traditional tools", "")]
    gains = {(base, "dice"): BY_FOUR, (base, "spread"): BETTER}
    others = {(entry, name): BETTER for entry in (crf, unweighted) for name in ("dice", "spread")}
    seconds = SHOWN if without_mm(scores) else BETTER
    effort = {"round": SHOWN, "n_prompts": BETTER, "user_s": seconds, "dice": AS_GOOD}
    places = scores[STRUCTURE].drop_duplicates().sort_values(STRUCTURE, ascending=[False, True])

    def rows(sessions: pd.DataFrame, reference: Entry, plan: _Plan, leads: bool = True) -> pd.DataFrame:
        return _rows(sessions, places, reference, plan, leads)

    return [
        rows(stages["initial"], base, {(entry, "dice"): AS_GOOD for entry in cnns}),
        # Both are compared with the base net, so that they form one family of tests.
        rows(
            stages["unsupervised"],
            base,
            {(bifseg, "dice"): BETTER, (unweighted, "dice"): SHOWN},
            leads=False,
        ),
        rows(_with_spread(stages["supervised"]), bifseg, {**gains, **others}),
        rows(
            _to_goal(cohort, goal),
            bifseg,
            {(other, name): rule for other in (crf, *tools) for name, rule in effort.items()},
        ),
    ]


def _with_spread(sessions: pd.DataFrame) -> pd.DataFrame:
    """The sessions with `spread`, the distance of Dice from its entry's median on the structure."""
    median = sessions.groupby([*STRUCTURE, "method", "network"])["dice"].transform("median")
    return sessions.assign(spread=(sessions["dice"] - median).abs())


def _rows(
    sessions: pd.DataFrame, places: pd.DataFrame, reference: Entry, plan: _Plan, leads: bool
) -> pd.DataFrame:
    """Rows of a claim: the reference minus each opponent of the plan; without `leads`, each opponent minus it."""
    entries = {reference, *(entry for entry, _ in plan)}
    keys = zip(sessions["method"], sessions["network"], strict=True)
    planned = pd.DataFrame(
        [(*entry, name, rule) for (entry, name), rule in plan.items()],
        columns=["method", "network", "measure", "rule"],
    )
    measures = list(dict.fromkeys(planned["measure"]))
    in_plan = np.fromiter((entry in entries for entry in keys), bool)
    compared = sessions.loc[in_plan, [*GROUP, *_PAIRED_BY, *measures]]
    tests = _tests(compared, reference, measures)
    rows = places.merge(planned, how="cross").merge(tests, on=_TESTED, how="left")
    rows = rows.fillna(dict.fromkeys(_COUNTS, 0)).astype(dict.fromkeys(_COUNTS, "int64"))
    rows[["against_method", "against_network"]] = reference
    if leads:
        rows = _turned(rows)
    groups = dict(iter(compared.groupby([*STRUCTURE, "method", "network"])))
    for side in ("", "against_"):
        values = [_mean_std(groups, row, side) for row in rows.to_dict("records")]
        rows[[f"{side}mean", f"{side}std"]] = np.array(values).reshape(-1, 2)
    rows[["verdict", "note"]] = [_judge(row) for row in rows.to_dict("records")]
    return rows[ROW]


def _tests(sessions: pd.DataFrame, reference: Entry, measures: Sequence[str]) -> pd.DataFrame:
    """Rows of `compare` for each measure; `family` is the number of tests that are corrected together."""
    tests = compare_all(sessions, reference, measures).reindex(columns=[*_TESTED, *_COUNTS[:3], *_NUMBERS])
    family = tests.groupby([*STRUCTURE, "measure"])["wilcoxon_p"].transform("count")
    return tests.assign(family=family).astype(dict.fromkeys(_TESTED, object))


def _turned(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with both sides exchanged."""
    sides = {name: f"against_{name}" for name in ("method", "network")}
    limits = {"difference_low": "difference_high"}
    swap = {**sides, **limits}
    turned = rows.rename(columns=swap | {new: old for old, new in swap.items()})
    signed = ["difference_mean", "difference_low", "difference_high", "effect"]
    return turned.assign(**{name: -turned[name] for name in signed})


def _mean_std(groups: Mapping[Any, pd.DataFrame], row: dict[Hashable, Any], side: str) -> tuple[float, float]:
    """Mean and standard deviation of the measure on one side and structure; NaN without sessions."""
    sessions = groups.get((*(row[name] for name in STRUCTURE), row[f"{side}method"], row[f"{side}network"]))
    if sessions is None:
        return np.nan, np.nan
    mean, std = mean_std(sessions[row["measure"]], "").values()
    return mean, std


def _judge(row: dict[Hashable, Any]) -> tuple[str, str]:
    """The verdict and, unless the claim holds, its reason; the page explains the rules at its top."""
    if not row["n"]:
        return UNKNOWN, "no sessions to pair"
    # The least p of a two-sided signed-rank test, times Holm's factor if all tests are equally clear.
    if max(row["family"], 1) * 2.0 ** (1 - row["patients"]) >= LEVEL:
        return UNKNOWN, counted(row["patients"], "patient")
    if np.isnan(row["holm_p"]):
        return UNKNOWN, "a value is not finite"
    side = 1 if row["measure"] == "dice" else -1
    better = side * row["difference_mean"]
    low, high = sorted((side * row["difference_low"], side * row["difference_high"]))
    # A failed session can turn the mean against the signed ranks of all others: then neither side is shown.
    significant = row["holm_p"] < LEVEL and (low > 0 or high < 0)
    if significant and high < 0:
        return FAILS, "the opposite"
    if row["rule"] == AS_GOOD:
        wide = low <= -MARGIN
        return (FAILS, f"no difference shown, but it may be {_POINTS} worse") if wide else (HOLDS, "")
    if not significant:
        return FAILS, "no difference shown"
    if row["rule"] == BY_FOUR and better < GAIN:
        return FAILS, f"a gain of less than {100 * GAIN:g} points"
    return HOLDS, ""


# number: statement, rule
_WORDS = {
    1: (
        "The base network is at least as good as the other CNNs on unseen structures, and about as good on seen ones.",
        "Initial Dice. The main network, the one that most methods use, against the other networks' base-net. "
        f"Seen structures too require `{AS_GOOD}`.",
    ),
    2: (
        "Without scribbles, fine-tuning with weights improves on the base network; without weights it may not.",
        "Dice before any scribbles against the base net's initial Dice. bifseg-w is shown and belongs to the family "
        "of tests, but the claim does not depend on it.",
    ),
    3: (
        "With the same scribbles, bifseg is better than bifseg-w and base-crf, gains 4 to 8 Dice points over the "
        "initial result, and its results spread less.",
        f"Last Dice under {SHARED_SCRIBBLES}; for base-net its initial Dice. A gain of more than 8 points counts too. "
        "Spread is the distance of a session's Dice from its method's median on the structure. A smaller spread is "
        "tested like Dice (the Brown-Forsythe test for pairs) and is a comparison of its own.",
    ),
    4: (
        "bifseg needs fewer prompts and less user time than base-crf and the traditional tools for an equal or better "
        "Dice.",
        "Under {own}: prompts (box, strokes and clicks, each counting 1) and predicted user time until Dice first is "
        "at least {goal}, and Dice at the end; rounds are shown. A comparison is one opponent on one structure: it "
        "holds if prompts and user time (only prompts if images state no spacing) are better and Dice is at least "
        "as good. A session that never reached {goal}, for whatever reason, counts as one round more than the protocol "
        "allows, with the most strokes in every round, each as long as the box, or as the "
        "policy's longest stroke if that is longer.",
    ),
}
