"""The files of a cohort that was made from a layout: card, manifest, and a table of what was left out."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import yaml

from bifseg.cards.cards import CohortCard, read_card
from bifseg.cohorts.manifest import manifest_text
from bifseg.cohorts.readers.layout import LeftOut
from bifseg.cohorts.readers.making import CohortDraft
from bifseg.core.errors import InputError
from bifseg.core.files import table_text, write_text

_MOST = 15  # reasons that a summary shows
_NAMES = 5  # cases that it names for each


def write_cohort(made: CohortDraft, folder: Path, name: str, command: str, force: bool = False) -> list[Path]:
    """Write NAME.yaml, NAME.tsv and, if anything was left out, NAME.left-out.tsv.

    A card that is there and says the same stays as it is, with its comments and other keys; one without `root`, as
    those that ship, gets it as a last line.

    Args:
        made: the cohort.
        folder: where the files go.
        name: of the cohort.
        command: that made it, for the card's head.
        force: replace a card and a manifest that differ.

    Returns:
        The files.

    Raises:
        InputError: a card or a manifest is there and differs; nothing is written then.
    """
    card, manifest, rest = (folder / f"{name}{ending}" for ending in (".yaml", ".tsv", ".left-out.tsv"))
    rows = manifest_text(made.report.rows)
    if not force and manifest.exists() and manifest.read_text(encoding="utf-8") != rows:
        raise InputError(
            f"{manifest}: is there and differs; choose another --name, or replace it with --force"
        )
    text = _card_text(made, card, manifest.name, command, force)
    write_text(manifest, rows)
    write_text(card, text)
    rest.unlink(missing_ok=True)
    if made.left_out:
        write_text(rest, _left_out_text(made.left_out))
    return [path for path in (card, manifest, rest) if path.exists()]


def summary(made: CohortDraft, card: Path) -> str:
    """What a person should look at: cases, the table of the structures, what was left out and why, and notes."""
    rest = card.with_name(f"{card.stem}.left-out.tsv")
    cases, groups = ({getattr(row, key) for row in made.report.rows} for key in ("case", "group"))
    head = (
        f"cases: {len(cases)}, patients: {len(groups)}, {made.dimension}D, below {made.root}; "
        f"seen: {', '.join(made.seen) or 'none'}; unseen: {', '.join(made.unseen) or 'none'}"
    )
    reasons = [f"left out: {line}" for line in _reasons(made.left_out)]
    if len(reasons) > _MOST:
        reasons = [*reasons[:_MOST], f"left out: {len(reasons) - _MOST} more reasons are in {rest}"]
    notes = [f"note: {note}" for note in made.notes]
    if made.report.notes:
        notes.append(
            f"note: {len(made.report.notes)} times a label map lacks a value that others of its structure hold, "
            f"as a tumour without necrosis does; `bifseg cohort check {card}` lists them"
        )
    return "\n".join([head, made.report.table(), *reasons, *notes])


def _reasons(left_out: tuple[LeftOut, ...]) -> list[str]:
    """One line a reason, those with the most cases first."""
    by_reason: defaultdict[str, list[LeftOut]] = defaultdict(list)
    for one in left_out:
        by_reason[one.reason].append(one)
    lines = []
    for reason, several in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        cases = sorted({one.case for one in several} - {""})
        structures = sorted({one.structure for one in several} - {""})
        what = [", ".join(structures)] if structures else []
        what += [f"{len(cases)} case{'s' * (len(cases) > 1)}"] if cases else []
        named = ", ".join(cases[:_NAMES]) + ", ..." * (len(cases) > _NAMES)
        lines.append(f"{' of '.join(what)}: {reason}" + f" ({named})" * bool(cases))
    return lines


def _card_text(made: CohortDraft, path: Path, manifest: str, command: str, force: bool) -> str:
    """What the card is to hold; raises InputError where one is there that says something else."""
    root = {"root": str(made.root)}
    own = {"dimension": made.dimension, "manifest": manifest, **root}
    own |= {"seen": list(made.seen), "unseen": list(made.unseen)}
    if force or not path.exists():
        return f"# Made by: {command}\n" + yaml.safe_dump(own, sort_keys=False, default_flow_style=None)
    text, card = path.read_text(encoding="utf-8"), read_card(CohortCard, path)
    wanted = CohortCard.model_validate(own)
    for key in own:
        there = getattr(card, key)
        if there != getattr(wanted, key) and not (key == "root" and there is None):
            raise InputError(
                f"{path}: {key}: is {_shown(there)} there and {_shown(getattr(wanted, key))} here; "
                "choose another --name, or replace the card with --force"
            )
    if card.root is not None:
        return text
    return f"{text.rstrip()}\n{yaml.safe_dump(root)}"


def _shown(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _left_out_text(left_out: tuple[LeftOut, ...]) -> str:
    return table_text(["case", "structure", "reason", "file"], (vars(one).values() for one in left_out))
