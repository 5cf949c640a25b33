"""Who can play where, told without importing a method, and whom a pattern in a configuration stands for.

An entry is written METHOD, or METHOD@NETWORK where the method needs a network. A pattern is the same with `*`,
`?` or `[...]` on either side of the `@`: `*` is every method that plays without a network, `*@*` every method
that needs one, on every network of the cohort.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bifseg.core.errors import InputError


class Plays(BaseModel):
    """Where a method can play, as its card states it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dimensions: Annotated[list[Literal[2, 3]], Field(min_length=1)] = Field(
        description="cohorts it plays on; may be fewer than it could"
    )
    prompts: list[Literal["box", "scribbles"]] = Field(
        default=["box", "scribbles"],
        description="what it takes beside the image; without box it starts from scribbles",
    )
    network: bool = Field(False, description="whether it needs a network: METHOD@NETWORK")


def is_pattern(entry: str) -> bool:
    """Whether an entry in a configuration stands for others."""
    return any(sign in entry for sign in "*?[")


def misfit(plays: Plays, with_network: bool, dimension: int, shared: bool) -> str:
    """Why a method cannot play; empty if it can.

    Args:
        plays: what it can.
        with_network: whether it is written METHOD@NETWORK.
        dimension: of the cohort.
        shared: whether the protocol draws its scribbles on an initial result.
    """
    if plays.network and not with_network:
        return "needs a network; write it as METHOD@NETWORK"
    if with_network and not plays.network:
        return "takes no network; leave '@...' away"
    return misplaced(plays.dimensions, plays.prompts, dimension, shared)


def misplaced(dimensions: Collection[int], prompts: Collection[str], dimension: int, shared: bool) -> str:
    """As `misfit`, of a method whose network is as it should be."""
    if dimension not in dimensions:
        able = " and ".join(f"{d}D" for d in sorted(dimensions))
        return f"plays in {able}, the cohort is {dimension}D"
    if shared and "box" not in prompts:
        return "starts from scribbles and has no initial result; this protocol has `scribbles_on: initial`"
    return ""


def resolve(
    wanted: Sequence[str],
    methods: Mapping[str, Plays | None],
    networks: Sequence[str],
    dimension: int,
    shared: bool,
) -> list[str]:
    """Who plays, each once: those named, and those that patterns stand for and that can play here.

    Args:
        wanted: entries and patterns.
        methods: what each method can, by the name of its card; None if nothing tells.
        networks: of the cohort.
        dimension: of the cohort.
        shared: as in `misfit`.

    Raises:
        InputError: one that is named cannot play here, a pattern stands for nobody, or for a method of which
            nothing tells what it can.
    """
    entries: list[str] = []
    for entry in wanted:
        name, at, _ = entry.partition("@")
        if is_pattern(entry):
            entries += _expand(entry, methods, networks, dimension, shared)
            continue
        can = methods[name]
        reason = misfit(can, bool(at), dimension, shared) if can else ""
        if reason:
            raise InputError(f"{entry} {reason}")
        entries.append(entry)
    return list(dict.fromkeys(entries))


def _expand(
    pattern: str, methods: Mapping[str, Plays | None], networks: Sequence[str], dimension: int, shared: bool
) -> list[str]:
    """The entries that a pattern stands for, sorted."""
    method, at, network = pattern.partition("@")
    partners = [f"@{name}" for name in sorted(networks) if fnmatchcase(name, network)] if at else [""]
    matches = []
    for name in sorted(name for name in methods if fnmatchcase(name, method)):
        plays = methods[name]
        if plays is None:
            raise InputError(
                f"'{pattern}' stands for {name} too, and its card does not say where that plays: add "
                "`plays: {dimensions: [2, 3]}` to it, see config/README.md"
            )
        if not misfit(plays, bool(at), dimension, shared):
            matches += [name + partner for partner in partners]
    if not matches:
        raise InputError(f"'{pattern}' stands for nobody: no method card can play here by that name")
    return matches


def check_stated(plays: Plays | None, dimensions: frozenset[int], prompts: frozenset[str]) -> None:
    """Raises InputError where a card states what its method cannot; fewer dimensions may be stated."""
    if plays is None:
        return
    if not plays.network and not set(plays.dimensions) <= dimensions:  # with one, they are the network's
        raise InputError(f"plays.dimensions: is {plays.dimensions}, the method works in {sorted(dimensions)}")
    if set(plays.prompts) != prompts:
        raise InputError(f"plays.prompts: is {sorted(plays.prompts)}, the method takes {sorted(prompts)}")
