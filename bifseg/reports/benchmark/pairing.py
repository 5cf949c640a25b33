"""The two sides of a comparison: what each holds, what they have in common, and what only one has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bifseg.analysis.names import ENTRY, entry_names
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.run_files import read_provenance
from bifseg.analysis.run_scores import RunScores
from bifseg.analysis.words import exposures_by, with_words
from bifseg.cards.entries import entry_name, split_entry
from bifseg.cohorts.cohort import Cohort
from bifseg.core.errors import InputError, short
from bifseg.core.wording import counted
from bifseg.reports.benchmark.outcomes import outcomes

KEY = ["cohort", "protocol", "method", "network", "training_seed", "object", "replicate"]
_ENTRY = KEY[:4]
_SOME = 3  # names that a note gives before it counts


@dataclass(frozen=True)
class RunView:
    """One side: a run, or one of its entries.

    Attributes:
        name: RUN or RUN:METHOD@NETWORK, as the user wrote it.
        scores: of the run; of the entry alone where one is named.
        rules: the card of each protocol.
        files: hashes of the image and label of each object by (cohort, object), where the run has them.
        facts: the run's provenance; empty without provenance.json.
        simulated: the run's cohorts whose images a simulator made.
    """

    name: str
    scores: pd.DataFrame
    rules: Mapping[str, Mapping[str, Any]]
    files: dict[tuple[str, str], dict[str, str]]
    facts: dict[str, Any]
    simulated: frozenset[str]
    entry: tuple[str, str] | None = None

    def only(self, keep: pd.Series | NDArray[np.bool_]) -> RunView:
        """The side with a part of its scores.

        Args:
            keep: a flag for each row.

        Returns:
            A new side.
        """
        return replace(self, scores=self.scores[keep])

    def outcomes(self, target: float) -> pd.DataFrame:
        """Its sessions, a row each.

        Args:
            target: Dice that rounds are counted to.

        Returns:
            Rows of `outcomes.outcomes`.

        Raises:
            InputError: the rules of a protocol are missing.
        """
        rules = {name: StoppingRule.of(card) for name, card in self.rules.items()}
        try:
            return outcomes(self.scores, rules, target)
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from error


def read_view(name: str) -> RunView:
    """The run, or the entry of a run, that a name refers to.

    Args:
        name: RUN, a run's folder, or RUN:METHOD@NETWORK.

    Returns:
        The whole run, or one of its entries.

    Raises:
        InputError: the run does not exist or has no scores, or the entry does not play in it.
    """
    folder, colon, entry = name.rpartition(":")
    if Path(name).is_dir() or not colon:
        folder, entry = name, ""
    run = Path(folder)
    if not run.is_dir():
        raise InputError(f"{name}: no such run; name the folder, results/RUN, or results/RUN:METHOD@NETWORK")
    played = RunScores.read(run)
    scores = with_words(played.frame)
    side = RunView(
        name,
        scores,
        played.cards,
        _files(run, sorted(set(scores["cohort"]))),
        read_provenance(run),
        played.simulated,
    )
    if not entry:
        return side
    method, network = split_entry(entry)
    of_entry = (scores["method"] == method) & (scores["network"] == network)
    if not of_entry.any():
        known = ", ".join(entry_names(scores))
        raise InputError(f"{name}: {entry} does not play in {run}; its entries are {known}")
    return replace(side.only(of_entry), entry=(method, network))


def _files(run: Path, cohorts: list[str]) -> dict[tuple[str, str], dict[str, str]]:
    hashes: dict[tuple[str, str], dict[str, str]] = {}
    for name in cohorts:
        if (run / "cohorts" / name / "cohort.json").is_file():
            cohort = Cohort.load(run / "cohorts" / name)
            hashes |= {(name, row.object): cohort.hashes(row) for row in cohort.objects}
    return hashes


@dataclass(frozen=True)
class Pairing:
    """Two sides reduced to the sessions that both have, with notes.

    Attributes:
        base, new: the same sessions in both; of two entries, `new` goes by the base's name.
        notes: what was left out and why, and what differs besides the code.
    """

    base: RunView
    new: RunView
    notes: tuple[str, ...]


def pair(base: RunView, new: RunView) -> Pairing:
    """The sessions that two sides have in common, with notes on all that differs.

    Left out, with a note: entries, protocols, cohorts and objects of one side only; protocols with other rules; objects
    whose image or label is another file. Kept, with a note: other seeds, weights, cohort cards, versions, machines, and
    exposures of the models in training.

    Args:
        base: the side before.
        new: the side after.

    Returns:
        Both sides with the same sessions.

    Raises:
        InputError: an entry is named on one side only, or nothing is in common.
    """
    if (base.entry is None) != (new.entry is None):
        raise InputError(f"{base.name} and {new.name}: name an entry on both sides or on neither")
    if base.entry and new.entry:
        entry = {"method": base.entry[0], "network": base.entry[1]}
        new = replace(new, scores=new.scores.assign(**entry))
    notes = [*_circumstances(base, new)]
    for cut in (_same_rules, _same_files, _same_sessions):
        base, new, more = cut(base, new)
        notes += more
    if base.scores.empty:
        # The last reason explains the empty rest: it comes first, since long messages are cut in the middle.
        names = f"{short(base.name, 60)} and {short(new.name, 60)}"
        raise InputError(" ".join(dict.fromkeys([f"{names}: no session in common.", *more, *notes])))
    return Pairing(base, new, (*notes, *_exposures(base, new)))


def _exposures(base: RunView, new: RunView) -> Iterator[str]:
    """Where the models of an entry saw other objects in training on one side: the comparison may not be fair."""
    one, other = (exposures_by(side.scores, [*ENTRY, "structure"]) for side in (base, new))
    both = pd.DataFrame({"BASE": one, "NEW": other}).query("BASE != NEW").reset_index()
    for (cohort, method, network, before, after), rows in both.groupby([*ENTRY, "BASE", "NEW"], sort=True):
        structures = ", ".join(name.replace("_", " ") for name in rows["structure"])
        where = f"{entry_name(str(method), str(network))} on {cohort} ({structures})"
        yield f"{where}: what its models saw in training differs, BASE {before}, NEW {after}."


def _circumstances(base: RunView, new: RunView) -> Iterator[str]:
    """What differs besides the sessions."""
    for side, which in ((base, "BASE"), (new, "NEW")):
        if not side.facts:
            yield f"{which} ({side.name}) has no provenance.json: seeds and versions are unknown."
    if not base.facts or not new.facts:
        return
    seeds = [(side.facts.get("config") or {}).get("seed") for side in (base, new)]
    if seeds[0] != seeds[1]:
        yield (
            f"The seeds differ ({seeds[0]}, {seeds[1]}), and with them boxes and scribbles: small differences may be "
            "chance."
        )
    for name, *_ in _others(base, new, "networks", "weights_sha256"):
        yield f"Network {name} has other weights: differences may come from its training."
    for name, *cards in _others(base, new, "cohorts", "card"):
        yield f"Cohort {name} was prepared by another card ({_unlike(*cards)})."
    for what, values in (
        ("machines", _machines(base, new)),
        ("packages", [side.facts.get("packages") for side in (base, new)]),
    ):
        if values[0] != values[1]:
            yield f"The {what} differ: {_unlike(*values)}."


def _machines(base: RunView, new: RunView) -> list[Any]:
    """What is known of the machines of both runs: of one each, their facts; of several, their processors."""
    both = [
        [{key: value for key, value in one.items() if key != "entries"} for one in side.facts["machines"]]
        for side in (base, new)
        if side.facts.get("machines")
    ]
    if len(both) < 2:  # a run of an older version knows only its system
        return [side.facts.get("machine") for side in (base, new)]
    if all(len(machines) == 1 for machines in both):
        return [machines[0] for machines in both]
    return [" with ".join(sorted({str(one.get("GPU") or one.get("CPU")) for one in some})) for some in both]


def _others(base: RunView, new: RunView, kind: str, key: str) -> Iterator[tuple[str, Any, Any]]:
    """The cohorts or networks of both sides that differ in a fact, by name, with both values."""
    one, other = (side.facts.get(kind, {}) for side in (base, new))
    for name in sorted(one.keys() & other.keys()):
        values = one[name].get(key), other[name].get(key)
        if values[0] != values[1]:
            yield name, *values


def _unlike(one: Any, other: Any) -> str:
    """Two values, or only those of their keys that differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
        return ", ".join(f"{key} {one.get(key)} and {other.get(key)}" for key in keys)
    return f"{one} and {other}"


def _same_rules(base: RunView, new: RunView) -> tuple[RunView, RunView, list[str]]:
    notes, other = [], set()
    for name in sorted(base.rules.keys() & new.rules.keys()):
        if base.rules[name] != new.rules[name]:
            other.add(name)
            notes.append(
                f"Protocol {name} had other rules ({_unlike(base.rules[name], new.rules[name])}): "
                "not compared."
            )
    base, new = (side.only(~side.scores["protocol"].isin(other)) for side in (base, new))
    return base, new, notes


def _same_files(base: RunView, new: RunView) -> tuple[RunView, RunView, list[str]]:
    """Leaves out objects that only share a name."""
    notes = []
    for cohort in sorted(set(base.scores["cohort"]) & set(new.scores["cohort"])):
        base_names, new_names = (
            set(side.scores.loc[side.scores["cohort"] == cohort, "object"]) for side in (base, new)
        )
        pairs = {
            name: [side.files.get((cohort, name)) for side in (base, new)] for name in base_names & new_names
        }
        unknown = [name for name, files in pairs.items() if None in files]
        unlike = [name for name, files in pairs.items() if None not in files and files[0] != files[1]]
        if unknown:
            notes.append(
                f"Cohort {cohort}: images of {_some(unknown, 'object')} may differ (no cohort.json on one side)."
            )
        if unlike:
            notes.append(
                f"Cohort {cohort}: {_some(unlike, 'object')} of the same name have other images or labels: "
                "not compared."
            )
            base, new = (
                side.only(~((side.scores["cohort"] == cohort) & side.scores["object"].isin(unlike)))
                for side in (base, new)
            )
    return base, new, notes


def _same_sessions(base: RunView, new: RunView) -> tuple[RunView, RunView, list[str]]:
    keys = [pd.MultiIndex.from_frame(side.scores[KEY]) for side in (base, new)]
    notes = [
        note
        for which, sessions, others in (("BASE", keys[0], keys[1]), ("NEW", keys[1], keys[0]))
        for note in _lone(which, sessions, others)
    ]
    base, new = base.only(keys[0].isin(keys[1])), new.only(keys[1].isin(keys[0]))
    return base, new, notes


def _lone(which: str, keys: pd.MultiIndex, others: pd.MultiIndex) -> Iterator[str]:
    """Sessions of one side only: whole cohorts, whole entries of a protocol, some of their objects, or repetitions."""
    lone = keys[~keys.isin(others)].unique().to_frame(index=False)
    other_keys = others.to_frame(index=False)
    absent = sorted(set(lone["cohort"]) - set(other_keys["cohort"]))
    for cohort in absent:
        sessions = counted(len(lone[lone["cohort"] == cohort]), "session")
        yield f"Only {which} has cohort {cohort!s} ({sessions}): not compared."
    lone = lone[~lone["cohort"].isin(absent)]
    known = pd.MultiIndex.from_frame(other_keys[_ENTRY])
    whole = ~pd.MultiIndex.from_frame(lone[_ENTRY]).isin(known)
    for (cohort, protocol), rows in lone[whole].groupby(["cohort", "protocol"], sort=True):
        yield f"Only {which} has {', '.join(entry_names(rows))} under {protocol} on {cohort}: not compared."
    rest = lone[~whole]
    played = pd.MultiIndex.from_frame(other_keys[[*_ENTRY, "object"]])
    again = pd.MultiIndex.from_frame(rest[[*_ENTRY, "object"]]).isin(played)
    for rows, what in ((rest[~again], ""), (rest[again], "more replicates or training seeds of ")):
        for cohort, group in rows.groupby("cohort", sort=True):
            objects, sessions = _some(sorted(set(group["object"])), "object"), counted(len(group), "session")
            yield f"Only {which} has {what}{objects} of {cohort!s} ({sessions}): not compared."


def _some(names: list[str], what: str) -> str:
    """`5 objects (a, b, c, ...)`."""
    shown = ", ".join(sorted(names)[:_SOME]) + (", ..." if len(names) > _SOME else "")
    return f"{counted(len(names), what)} ({shown})"
