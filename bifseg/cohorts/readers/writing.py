"""The files of a cohort that was made from a layout: card, manifest, and a table of what was left out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import yaml

from bifseg.cards.cards import CohortCard, read_card
from bifseg.cohorts.checks import grouped
from bifseg.cohorts.manifest import manifest_text
from bifseg.cohorts.readers.layout import LeftOut
from bifseg.cohorts.readers.making import CohortDraft
from bifseg.core.errors import InputError
from bifseg.core.files import table_text, write_text

_MOST = 15  # reasons that a summary shows
_NAMES = 5  # cases that it names for each


def write_cohort(
    draft: CohortDraft, folder: Path, name: str, command: str, force: bool = False
) -> list[Path]:
    """Write NAME.yaml, NAME.tsv and, if anything was left out, NAME.left-out.tsv.

    A card that is there and says the same stays as it is, with its comments and other keys; one without `root`, as
    those that ship, gets it as a last line.

    Args:
        draft: the cohort.
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
    rows = manifest_text(draft.report.rows)
    if not force and manifest.exists() and manifest.read_text(encoding="utf-8") != rows:
        raise InputError(
            f"{manifest}: is there and differs; choose another --name, or replace it with --force"
        )
    text = _card_text(draft, card, manifest.name, command, force)
    write_text(manifest, rows)
    write_text(card, text)
    rest.unlink(missing_ok=True)
    if draft.left_out:
        write_text(rest, _left_out_text(draft.left_out))
    return [path for path in (card, manifest, rest) if path.exists()]


def summary(draft: CohortDraft, card: Path) -> str:
    """What a person should look at: cases, the table of the structures, what was left out and why, and notes."""
    rest = card.with_name(f"{card.stem}.left-out.tsv")
    cases, groups = ({getattr(row, key) for row in draft.report.rows} for key in ("case", "group"))
    head = (
        f"cases: {len(cases)}, patients: {len(groups)}, {draft.dimension}D, below {draft.root}; "
        f"seen: {', '.join(draft.seen) or 'none'}; unseen: {', '.join(draft.unseen) or 'none'}"
    )
    reasons = [f"left out: {line}" for line in _reasons(draft.left_out)]
    if len(reasons) > _MOST:
        reasons = [*reasons[:_MOST], f"left out: {len(reasons) - _MOST} more reasons are in {rest}"]
    lacking = [note for note in draft.report.notes if note.key == "label_values"]
    doubts = [
        replace(note, file=card.stem, line=0) for note in draft.report.notes if note.key != "label_values"
    ]
    notes = [f"note: {note}" for note in (*draft.notes, *grouped(doubts))]
    if lacking:
        notes.append(
            f"note: {len(lacking)} times a label map lacks a value that others of its structure hold, "
            f"as a tumour without necrosis does; `bifseg cohort check {card}` lists them"
        )
    return "\n".join([head, draft.report.table(), *reasons, *notes])


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


def _card_text(draft: CohortDraft, path: Path, manifest: str, command: str, force: bool) -> str:
    """What the card is to hold; raises InputError where one is there that says something else."""
    root = {"root": str(draft.root)}
    own = {"dimension": draft.dimension, "manifest": manifest, **root}
    own |= {"seen": list(draft.seen), "unseen": list(draft.unseen)}
    if force or not path.exists():
        return f"# Made by: {command}\n" + yaml.safe_dump(own, sort_keys=False, default_flow_style=None)
    text, card = path.read_text(encoding="utf-8"), read_card(CohortCard, path)
    needed = CohortCard.model_validate(own)
    for key in own:
        present = getattr(card, key)
        if present != getattr(needed, key) and not (key == "root" and present is None):
            raise InputError(
                f"{path}: {key}: is {_shown(present)} there and {_shown(getattr(needed, key))} here; "
                "choose another --name, or replace the card with --force"
            )
    if card.root is not None:
        return text
    return f"{text.rstrip()}\n{yaml.safe_dump(root)}"


def _shown(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _left_out_text(left_out: tuple[LeftOut, ...]) -> str:
    return table_text(["case", "structure", "reason", "file"], (vars(one).values() for one in left_out))
