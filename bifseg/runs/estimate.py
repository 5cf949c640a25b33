"""Time and memory that a run will need, before it starts: what `--dry-run` prints."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, TypeVar

from bifseg.cards.cards import CohortCard, MethodCard, NetworkCard, ProtocolCard, read_card
from bifseg.cards.entries import split_entry
from bifseg.cards.protocol_levels import protocol_file, read_protocol
from bifseg.cards.run import RunCard, network_card
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.manifest import ManifestRow, parse_manifest
from bifseg.cohorts.objects import ObjectRow
from bifseg.cohorts.preparation import places
from bifseg.core.errors import InputError
from bifseg.core.images import read_grid
from bifseg.core.wording import counted
from bifseg.methods.process.memory import BYTES_PER_VOXEL, LARGE_BOX, SECONDS_PER_MILLION_VOXELS
from bifseg.runs.expected_times import ExpectedTimes
from bifseg.runs.run_display import duration
from bifseg.runs.run_folder import Condition, drawn_patients
from bifseg.runs.run_state import RESULTS_S
from bifseg.sessions.archive import Archive

R = TypeVar("R", ManifestRow, ObjectRow)
HOUR_S = 3600.0
_HEADERS = 20  # images whose size is read
_FEWEST_OBJECTS = 20  # of a 2D cohort that is not prepared
_BASE_MB = {True: 600, False: 250}
"""MiB of a session's processes before they see an image, with and without a network."""
_TRAINING_SOURCE = "measured here on a small crop, within a factor of 3"


@dataclass(frozen=True)
class _CohortFacts:
    """What is known of a cohort: 2D or 3D, sessions of an entry, whether their number is certain, largest image."""

    dimension: int
    sessions: int
    certain: bool
    shape: tuple[int, ...] = ()


def training_hint(network: str, cards: Path, device: str) -> str:
    """A hint if training a network will take an hour on this machine.

    Args:
        network: name of the network's card.
        cards: folder with networks/.
        device: name of a torch device; `auto` takes a GPU if there is one.

    Returns:
        A line with the expected time, and the time of the network NETWORK-small if there is one that is faster; empty
        for less than an hour.

    Raises:
        InputError: the card is missing or wrong.
    """
    seconds = _training_s(network, cards, device)
    if seconds < HOUR_S:
        return ""
    small = f"{network}-small"
    text = f"training {network} takes about {duration(seconds)} here ({_TRAINING_SOURCE})"
    if not (cards / "networks" / f"{small}.yaml").is_file():
        return text
    return f"{text}; --network {small} takes about {duration(_training_s(small, cards, device))}"


def estimate(config: Mapping[str, Any], folder: Path, cores: int) -> Iterator[str]:
    """Expected time and memory of what is left of a run.

    Args:
        config: configuration of the run, as `checked_run` gives it; cards are read from it.
        folder: working directory of the workflow, to which the configuration's paths are relative.
        cores: jobs of one core that work at the same time.

    Yields:
        A line for each network and entry, one for each source of the sessions' times, one for memory, one for the
        whole run.

    Raises:
        InputError: a card is missing or wrong.
    """
    yield from _WorkLeft(RunCard.model_validate(config), folder).lines(cores)


class _WorkLeft:
    """The work that is left of a run; its lines add to what the summary says.

    Args:
        run: configuration of the run.
        folder: to which the configuration's paths are relative.
    """

    def __init__(self, run: RunCard, folder: Path) -> None:
        self._run, self._cards = run, folder / run.cards
        self._folder = folder / run.results / run.run
        self._times = ExpectedTimes(folder / run.results / "history.jsonl")
        self._total_s = self._longest_s = 0.0
        self._methods: dict[str, set[tuple[str, int]]] = {}  # with dimensions, by source of their times
        self._memory_mb: dict[str, float] = {}

    def lines(self, cores: int) -> Iterator[str]:
        """The lines of `estimate`.

        Args:
            cores: jobs of one core that work at the same time.

        Yields:
            A line for each network and entry, then those of the summary.
        """
        for cohort in self._run.cohorts:
            yield from self._trainings(cohort)
            yield from self._sessions(cohort)
        yield from self._summary(cores)

    def _trainings(self, cohort: str) -> Iterator[str]:
        """A line for each network of a cohort that is not trained."""
        experiment = self._run.cohorts[cohort]
        played = [split_entry(entry)[1] for names in experiment.protocols.values() for entry in names]
        for network in filter(None, dict.fromkeys([*experiment.networks, *played])):
            if (self._folder / "networks" / cohort / network / "weights.pt").exists():
                continue
            seconds = _training_s(network, self._cards, self._run.device)
            self._total_s, self._longest_s = self._total_s + seconds, max(self._longest_s, seconds)
            yield f"  train {network} on {cohort}: about {duration(seconds)} ({_TRAINING_SOURCE})"

    def _sessions(self, cohort: str) -> Iterator[str]:
        """Lines for each entry of a cohort that has not played all sessions."""
        facts = _cohort_facts(self._run, cohort, self._cards, self._folder)
        for protocol, entries in self._run.cohorts[cohort].protocols.items():
            for entry in entries:
                yield from self._of_entry(Condition(cohort, protocol, entry), facts)

    def _of_entry(self, condition: Condition, facts: _CohortFacts) -> Iterator[str]:
        cohort, protocol, entry = condition.cohort, condition.protocol, condition.entry
        stored = Archive(self._folder / "sessions" / cohort / protocol / entry).stored()
        left = facts.sessions - len(stored)
        if left <= 0:
            return
        expected = self._times.sessions(cohort, facts.dimension, condition.method, left)
        self._total_s += expected.seconds
        self._methods.setdefault(expected.source, set()).add((condition.method, facts.dimension))
        self._memory_mb[f"{condition.method} on {cohort}"] = _memory_mb(condition, self._cards, facts)
        number = f"{'' if facts.certain else 'about '}{counted(left, 'session')}"
        yield f"  {entry} on {cohort}, {protocol}: {number}, {duration(expected.seconds)}"
        if late := _may_end_late(condition, self._cards, facts):
            yield f"  {entry} on {cohort}, {protocol}: {late}"

    def _sources(self) -> Iterator[str]:
        """A line for each source of times; a method with several is named with its dimension."""
        if len(self._methods) == 1:
            yield f"  times of sessions: {next(iter(self._methods))}"
            return
        count = Counter(name for methods in self._methods.values() for name in {name for name, _ in methods})
        for source, methods in self._methods.items():
            names = {name if count[name] == 1 else f"{name} in {dimension}D" for name, dimension in methods}
            yield f"  times of {', '.join(sorted(names))}: {source}"

    def _summary(self, cores: int) -> Iterator[str]:
        """Lines for the sources of times, for memory and for the whole run."""
        if not self._total_s:
            yield "  nothing is left to do but tables, figures and report"
            return
        yield from self._sources()
        if self._memory_mb:
            name, most = max(self._memory_mb.items(), key=lambda item: item[1])
            yield f"  memory of a job: at most about {most / 1024:.1f} GiB ({name}, if a box fills the image)"
        whole = max(self._total_s / max(cores, 1), self._longest_s) + RESULTS_S
        machine = counted(cores, "core")
        yield f"  in all about {duration(whole)} on {machine}, within the factors above; 3 or more where images differ"


def _training_s(network: str, cards: Path, device: str) -> float:
    import torch

    from bifseg.networks.pace import training_seconds

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as a job has
    try:
        gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
        return training_seconds(
            read_card(NetworkCard, network_card(network, cards)), "cuda" if gpu else "cpu"
        )
    finally:
        torch.set_num_threads(threads)


def _cohort_facts(run: RunCard, name: str, cards: Path, folder: Path) -> _CohortFacts:
    path = cards / "cohorts" / f"{name}.yaml"
    card = read_card(CohortCard, path)
    with suppress(InputError):  # not prepared
        cohort = Cohort.load(folder / "cohorts" / name)
        objects = _played(cohort.select(split=run.split), run)
        shapes = [cohort.image(row).voxels.shape for row in objects[:1]]
        return _CohortFacts(card.dimension, len(objects) * run.replicates, True, shapes[0] if shapes else ())
    if card.simulator:
        cases = min(getattr(card.cases, run.split), run.patients or sys.maxsize)
        return _CohortFacts(card.dimension, cases * len([*card.seen, *card.unseen]) * run.replicates, False)
    manifest, root = places(card, path)
    rows = _played([row for row in parse_manifest(manifest, root).rows if row.split == run.split], run)
    number = len(rows) if card.dimension == 3 else max(len(rows), _FEWEST_OBJECTS)
    return _CohortFacts(card.dimension, number * run.replicates, card.dimension == 3, _largest(rows, root))


def _played(rows: Sequence[R], run: RunCard) -> list[R]:
    """The rows of the patients that the run plays."""
    patients = set(drawn_patients(rows, run.seed)[: run.patients])
    return [row for row in rows if row.group in patients]


def _largest(rows: list[ManifestRow], root: Path) -> tuple[int, ...]:
    """Shape of the largest of the first images."""
    shapes = []
    for image in list(dict.fromkeys(row.image for row in rows))[:_HEADERS]:
        with suppress(InputError, OSError, ValueError):
            shapes.append(read_grid(root / image).shape)
    return max(shapes, key=prod, default=())


def _may_end_late(condition: Condition, cards: Path, facts: _CohortFacts) -> str:
    """A warning if a session whose box fills the largest image exceeds the protocol's time limit; else empty."""
    method = read_card(MethodCard, cards / "methods" / f"{condition.method}.yaml").method or ""
    voxels, path = prod(facts.shape), cards / "protocols" / f"{condition.protocol}.yaml"
    seconds = voxels / 1e6 * SECONDS_PER_MILLION_VOXELS.get(method, 0.0)
    limit = read_protocol(path).time_limit_s if protocol_file(path).is_file() else ProtocolCard().time_limit_s
    if facts.dimension != 3 or voxels < LARGE_BOX or limit is None or seconds < limit / 2:
        return ""
    size = " x ".join(map(str, facts.shape))
    return (
        f"a box that fills the image ({size}) takes {duration(seconds)} or more; sessions end as timeout after "
        f"{limit:g} s (time_limit_s)"
    )


def _memory_mb(condition: Condition, cards: Path, facts: _CohortFacts) -> float:
    """MiB of a session whose box fills the largest image; the base alone if sizes or needs are unknown."""
    method = read_card(MethodCard, cards / "methods" / f"{condition.method}.yaml").method or ""
    shape = facts.shape if facts.dimension == 3 else tuple(sorted(facts.shape)[-2:])
    return _BASE_MB[bool(condition.network)] + prod(shape) * BYTES_PER_VOXEL.get(method, 40.0) / 2**20
