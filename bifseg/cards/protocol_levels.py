"""Protocol cards by the names of their levels: `box-shift` is level 0 of its card, `box-shift.level-4` level 4."""

from __future__ import annotations

from pathlib import Path

from bifseg.cards.cards import ProtocolCard, read_card
from bifseg.cards.entries import level_name, split_level
from bifseg.core.errors import InputError


def protocol_file(path: Path) -> Path:
    """The file of a protocol's card.

    Args:
        path: PROTOCOLS/NAME.yaml, where NAME may end in a level, as in `box-shift.level-4`.

    Returns:
        The file without the level; it need not exist.
    """
    name, level = split_level(path.stem)
    return path.with_name(f"{name}{path.suffix}") if level else path


def read_protocol(path: Path) -> ProtocolCard:
    """The card of a protocol, or of one level of it.

    Args:
        path: PROTOCOLS/NAME.yaml, where NAME may end in a level.

    Returns:
        The card. If it names a disturbance, `disturb.levels` holds one level: that of the name, or 0 without one.

    Raises:
        InputError: the card cannot be read, or lacks the level, level 0 or a higher one.
    """
    level, card = split_level(path.stem)[1], _whole_card(path)
    if card.disturb is None and level == 0:
        return card
    levels = card.disturb.levels if card.disturb else ()
    if card.disturb is None or level not in levels:
        raise InputError(f"{protocol_file(path)}: disturb.levels: lacks {level}; it has {list(levels)}")
    return card.model_copy(update={"disturb": card.disturb.model_copy(update={"levels": (level,)})})


def levels_of(path: Path) -> list[str]:
    """The protocols that a name in a configuration means.

    Args:
        path: PROTOCOLS/NAME.yaml.

    Returns:
        The name itself; with `disturb` in the card, a name for every level, the card's own name first.

    Raises:
        InputError: the card cannot be read, or lacks level 0 or a higher one.
    """
    name, level = split_level(path.stem)
    disturb = None if level else _whole_card(path).disturb
    return [level_name(name, k) for k in disturb.levels] if disturb else [path.stem]


def _whole_card(path: Path) -> ProtocolCard:
    """The card with all levels."""
    file = protocol_file(path)
    card = read_card(ProtocolCard, file)
    if card.disturb and (card.disturb.levels[0] != 0 or len(card.disturb.levels) < 2):
        raise InputError(
            f"{file}: disturb.levels: is {list(card.disturb.levels)}; name 0 and at least one higher level"
        )
    return card
