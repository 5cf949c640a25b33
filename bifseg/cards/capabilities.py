"""Who can play where, told without importing a method, and whom a pattern in a configuration stands for.

An entry is written METHOD, or METHOD@NETWORK where the method needs a network. A pattern is the same with `*`,
`?` or `[...]` on either side of the `@`: `*` is every method that plays without a network, `*@*` every method
that needs one, on every network of the cohort.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase

from bifseg.cards.cards import ProtocolCard
from bifseg.cards.plays import PROMPTS, Drawn, Plays
from bifseg.core.errors import InputError


def is_pattern(entry: str) -> bool:
    """Whether an entry in a configuration stands for others."""
    return any(sign in entry for sign in "*?[")


def misfit(
    plays: Plays, with_network: bool, dimension: int, protocol: ProtocolCard, channels: Collection[str] = ()
) -> str:
    """Why a method cannot play; empty if it can.

    Args:
        plays: what it can.
        with_network: whether it is written METHOD@NETWORK.
        dimension: of the cohort.
        protocol: the rules of the session.
        channels: those that the cohort's card lists.
    """
    unknown = set(plays.channels) - set(channels) if isinstance(plays.channels, list) else ()
    if unknown:
        have = ", ".join(channels) or "none"
        return f"needs the channels {', '.join(sorted(unknown))}; the cohort's card lists {have}"
    if plays.network and not with_network:
        return "needs a network; write it as METHOD@NETWORK"
    if with_network and not plays.network:
        return "takes no network; leave '@...' away"
    return misplaced(plays.dimensions, plays.prompts, dimension, protocol, plays)


def misplaced(
    dimensions: Collection[int],
    prompts: Collection[str],
    dimension: int,
    protocol: ProtocolCard,
    plays: Plays | None = None,
) -> str:
    """As `misfit`, of a method whose network is as it should be; `plays` is what its card says, if it does."""
    unknown = sorted(set(prompts) - set(PROMPTS))
    if unknown:
        return f"takes {unknown[0]!r:.60}, which is no prompt; known are {', '.join(PROMPTS)}"
    if dimension not in dimensions:
        able = " and ".join(f"{d}D" for d in sorted(dimensions))
        return f"plays in {able}, the cohort is {dimension}D"
    return _misprompted(prompts, protocol, plays)


def begins_with(protocol: ProtocolCard, prompts: Collection[str]) -> str:
    """What the user gives a method first: `box`, `scribbles`, `points` or `nothing`."""
    if protocol.begin != "auto":
        return protocol.begin
    return "box" if "box" in prompts else protocol.draws


def is_given(drawn: Drawn, prompts: Collection[str], plays: Plays | None) -> bool:
    """Whether a method takes what the user draws, as it is or by an adaptation that its card names."""
    return drawn in prompts or bool(plays and plays.adaptation(drawn, prompts))


def _misprompted(prompts: Collection[str], protocol: ProtocolCard, plays: Plays | None) -> str:
    """Why a method's prompts do not fit a protocol; empty if they do."""
    begin, drawn, takes = begins_with(protocol, prompts), protocol.draws, " and ".join(sorted(prompts))
    if begin == "mask" and "mask" not in prompts:
        return f"takes {takes or 'no prompts'}; this protocol begins with a mask"
    if protocol.begin == "auto" and "mask" in prompts and "box" not in prompts:
        return f"takes {takes}; this protocol gives no mask, it needs one with `begin: mask`"
    if begin == "box" and "box" not in prompts:
        return f"takes {takes or 'no prompts'}; this protocol begins with a box"
    if begin in ("scribbles", "points") and protocol.scribbles_on == "initial":
        return f"starts from {begin} and has no initial result; this protocol has `scribbles_on: initial`"
    if not is_given(drawn, prompts, plays):
        if protocol.correct != "nothing" and {"scribbles", "points"} & set(prompts):
            adapt = "points_as_scribbles" if drawn == "points" else "scribbles_as_points"
            return f"takes {takes}; this protocol gives {drawn}: add `plays.{adapt}` to its card, or leave it out"
        if protocol.begin == drawn:
            return f"takes {takes or 'no prompts'}; this protocol begins with {drawn}"
    if begin != "box" and "box" in prompts and protocol.window == "box":
        return f"takes a box, and this protocol begins with {begin}: the protocol needs `window: image`"
    return ""


def resolve(
    wanted: Sequence[str],
    methods: Mapping[str, Plays | None],
    networks: Sequence[str],
    dimension: int,
    protocol: ProtocolCard,
    channels: Collection[str] = (),
) -> list[str]:
    """Who plays, each once: those named, and those that patterns stand for and that can play here.

    Args:
        wanted: entries and patterns.
        methods: what each method can, by the name of its card; None if nothing tells.
        networks: of the cohort.
        dimension: of the cohort.
        protocol: the rules of the session.
        channels: those that the cohort's card lists.

    Raises:
        InputError: one that is named cannot play here, a pattern stands for nobody, or for a method of which
            nothing tells what it can.
    """
    entries: list[str] = []
    for entry in wanted:
        name, at, _ = entry.partition("@")
        if is_pattern(entry):
            entries += _expand(entry, methods, networks, dimension, protocol, channels)
            continue
        can = methods[name]
        reason = misfit(can, bool(at), dimension, protocol, channels) if can else ""
        if reason:
            raise InputError(f"{entry} {reason}")
        entries.append(entry)
    return list(dict.fromkeys(entries))


def _expand(
    pattern: str,
    methods: Mapping[str, Plays | None],
    networks: Sequence[str],
    dimension: int,
    protocol: ProtocolCard,
    channels: Collection[str],
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
        if not misfit(plays, bool(at), dimension, protocol, channels):
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
