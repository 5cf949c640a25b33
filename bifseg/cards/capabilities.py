"""Whether a method can play a protocol on a cohort, by its card alone, and the entries that a pattern matches.

An entry is METHOD, or METHOD@NETWORK if the method needs a network. A pattern is an entry with `*`, `?` or `[...]` on
either side of the `@`: `*` matches every method that plays without a network, `*@*` every method that needs one, on
every network of the cohort.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase

from bifseg.cards.cards import ProtocolCard
from bifseg.cards.plays import PROMPTS, Drawn, Plays
from bifseg.core.errors import InputError


def is_pattern(entry: str) -> bool:
    """Whether an entry in a configuration is a pattern.

    Args:
        entry: text of the configuration.

    Returns:
        True if it contains `*`, `?` or `[`.
    """
    return any(sign in entry for sign in "*?[")


def entry_problem(
    plays: Plays, with_network: bool, dimension: int, protocol: ProtocolCard, channels: Collection[str] = ()
) -> str:
    """The reason why an entry cannot play a protocol on a cohort.

    Args:
        plays: capabilities that the method's card states.
        with_network: whether the entry is METHOD@NETWORK.
        dimension: dimension of the cohort, 2 or 3.
        protocol: rules of the session.
        channels: channels that the cohort's card lists.

    Returns:
        A text that continues the entry's name, for example `takes no network; ...`; empty if it can play.
    """
    if reason := channel_problem(plays.channels if isinstance(plays.channels, list) else (), channels):
        return reason
    if plays.network and not with_network:
        return "needs a network; write it as METHOD@NETWORK"
    if with_network and not plays.network:
        return "takes no network; leave '@...' away"
    return method_problem(plays.dimensions, plays.prompts, dimension, protocol, plays)


def channel_problem(needed: Collection[str], channels: Collection[str]) -> str:
    """The reason why a method or network cannot have its channels on a cohort.

    Args:
        needed: names of channels.
        channels: channels that the cohort's card lists.

    Returns:
        A text that continues the name of the method or network; empty if the card lists all of them.
    """
    lacking = sorted(set(needed) - set(channels))
    if not lacking:
        return ""
    listed = ", ".join(channels) or "none"
    return (
        f"needs the channels {', '.join(lacking)}; the cohort's card lists {listed}: add those of the manifest to its "
        "`channels`, a structure's own channel too"
    )


def method_problem(
    dimensions: Collection[int],
    prompts: Collection[str],
    dimension: int,
    protocol: ProtocolCard,
    plays: Plays | None = None,
) -> str:
    """The reason why a method cannot play a protocol, by its dimensions and prompts alone.

    Args:
        dimensions: dimensions that the method works in.
        prompts: prompts that the method takes.
        dimension: dimension of the cohort, 2 or 3.
        protocol: rules of the session.
        plays: capabilities that the method's card states; None if it states none.

    Returns:
        A text that continues the entry's name; empty if the method can play.
    """
    unknown = sorted(set(prompts) - set(PROMPTS))
    if unknown:
        return f"takes {unknown[0]!r:.60}, which is not a prompt; known are {', '.join(PROMPTS)}"
    if dimension not in dimensions:
        stated = " and ".join(f"{d}D" for d in sorted(dimensions))
        return f"plays in {stated}, the cohort is {dimension}D"
    return _prompt_problem(prompts, protocol, plays)


def first_prompt(protocol: ProtocolCard, prompts: Collection[str]) -> str:
    """The prompt that the user gives a method first.

    Args:
        protocol: rules of the session.
        prompts: prompts that the method takes.

    Returns:
        `box`, `scribbles`, `points`, `mask` or `nothing`.
    """
    if protocol.begin != "auto":
        return protocol.begin
    return "box" if "box" in prompts else protocol.draws


def takes_drawn(drawn: Drawn, prompts: Collection[str], plays: Plays | None) -> bool:
    """Whether a method takes the prompts that the user draws, unchanged or adapted as its card says.

    Args:
        drawn: prompts that the user draws.
        prompts: prompts that the method takes.
        plays: capabilities that the method's card states; None if it states none.

    Returns:
        False if the method would get none of the user's prompts.
    """
    return drawn in prompts or bool(plays and plays.adaptation(drawn, prompts))


def _prompt_problem(prompts: Collection[str], protocol: ProtocolCard, plays: Plays | None) -> str:
    """The reason why a method's prompts do not fit a protocol; empty if they do."""
    begin, drawn, takes = first_prompt(protocol, prompts), protocol.draws, " and ".join(sorted(prompts))
    if begin == "mask" and "mask" not in prompts:
        own = takes or "no prompts"
        return f"takes {own}; this protocol begins with a mask: add `mask` and `start_from`, or leave it out"
    if protocol.begin == "auto" and "mask" in prompts and "box" not in prompts:
        return f"takes {takes}; this protocol gives no mask, it needs one with `begin: mask`"
    if begin == "box" and "box" not in prompts:
        return (
            f"takes {takes or 'no prompts'}; this protocol begins with a box: leave it or the key `begin` out"
        )
    if begin in ("scribbles", "points") and protocol.scribbles_on == "initial":
        return f"starts from {begin} and has no initial result; this protocol has `scribbles_on: initial`"
    if not takes_drawn(drawn, prompts, plays):
        if protocol.correct != "nothing" and {"scribbles", "points"} & set(prompts):
            adapt = "points_as_scribbles" if drawn == "points" else "scribbles_as_points"
            return f"takes {takes}; this protocol gives {drawn}: add `plays.{adapt}` to its card, or leave it out"
        if protocol.begin == drawn:
            return f"takes {takes or 'no prompts'}; this protocol begins with {drawn}: leave it out"
    if begin != "box" and "box" in prompts and protocol.window == "box":
        return f"takes a box, and this protocol begins with {begin}: the protocol needs `window: image`"
    return ""


def resolve(
    names: Sequence[str],
    methods: Mapping[str, Plays | None],
    networks: Sequence[str],
    dimension: int,
    protocol: ProtocolCard,
    channels: Collection[str] = (),
) -> list[str]:
    """The entries that play: those named, and those that match a pattern and can play here.

    Args:
        names: entries and patterns of the configuration.
        methods: capabilities by the name of the method's card; None if the card states none.
        networks: networks of the cohort.
        dimension: dimension of the cohort, 2 or 3.
        protocol: rules of the session.
        channels: channels that the cohort's card lists.

    Returns:
        Entries without patterns, each once, in the order of `names`.

    Raises:
        InputError: a named entry cannot play here, or a pattern matches no card or a card without `plays`.
    """
    entries: list[str] = []
    for entry in names:
        name, at, _ = entry.partition("@")
        if is_pattern(entry):
            entries += _expand(entry, methods, networks, dimension, protocol, channels)
            continue
        plays = methods[name]
        reason = entry_problem(plays, bool(at), dimension, protocol, channels) if plays else ""
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
    """The entries that match a pattern and can play here, sorted."""
    method, at, network = pattern.partition("@")
    partners = [f"@{name}" for name in sorted(networks) if fnmatchcase(name, network)] if at else [""]
    if not partners:
        raise InputError(f"'{pattern}' matches no network; the cohort has {', '.join(networks) or 'none'}")
    matches = []
    for name in sorted(name for name in methods if fnmatchcase(name, method)):
        plays = methods[name]
        if plays is None:
            raise InputError(
                f"'{pattern}' matches {name} too, whose card does not say where it plays: add "
                "`plays: {dimensions: [2, 3]}` to it, see config/README.md"
            )
        if not entry_problem(plays, bool(at), dimension, protocol, channels):
            matches += [name + partner for partner in partners]
    if not matches:
        raise InputError(f"'{pattern}' matches no method card that can play here")
    return matches


def check_stated(plays: Plays | None, dimensions: frozenset[int], prompts: frozenset[str]) -> None:
    """Check that a card states no more than its method can; it may state fewer dimensions.

    Args:
        plays: capabilities that the card states; None if it states none.
        dimensions: dimensions that the method works in.
        prompts: prompts that the method takes.

    Raises:
        InputError: the card states another dimension, or other prompts.
    """
    if plays is None:
        return
    # A network's dimension is the network's own.
    if not plays.network and not set(plays.dimensions) <= dimensions:
        raise InputError(f"plays.dimensions: is {plays.dimensions}, the method works in {sorted(dimensions)}")
    if set(plays.prompts) != prompts:
        raise InputError(f"plays.prompts: is {sorted(plays.prompts)}, the method takes {sorted(prompts)}")
