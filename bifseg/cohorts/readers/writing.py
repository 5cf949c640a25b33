"""The files of a cohort that a reader made: card, manifest, and a table of the cases that were left out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import yaml

from bifseg.cards.cards import CohortCard, read_card
from bifseg.cohorts.check_report import grouped
from bifseg.cohorts.manifest import manifest_text
from bifseg.cohorts.readers.drafting import CohortDraft
from bifseg.cohorts.readers.layout import LeftOut
from bifseg.core.errors import InputError, short
from bifseg.core.files import table_text, write_text
from bifseg.core.wording import counted

_MOST_REASONS = 15  # in a summary
_MOST_NAMES = 5  # of cases for each reason
_LONGEST_LINE = 1000


def write_cohort(
    draft: CohortDraft, folder: Path, name: str, command: str, force: bool = False
) -> list[Path]:
    """Write NAME.yaml, NAME.tsv and, if anything was left out, NAME.left-out.tsv.

    An existing card with the same values stays as it is, with its comments and other keys. A card without `root`, such
    as those that come with bifseg, gets it as a last line.

    Args:
        draft: the cohort.
        folder: folder for the files.
        name: name of the cohort.
        command: the command that made the draft, for the card's first line.
        force: whether a card and a manifest that differ are replaced.

    Returns:
        The files.

    Raises:
        InputError: a card or a manifest exists and differs; then nothing is written.
    """
    card, manifest, rest = (folder / f"{name}{ending}" for ending in (".yaml", ".tsv", ".left-out.tsv"))
    rows = manifest_text(draft.report.rows)
    if not force and manifest.exists() and manifest.read_text(encoding="utf-8") != rows:
        raise InputError(f"{manifest}: exists and differs; choose another --name, or replace it with --force")
    text = _card_text(draft, card, manifest.name, command, force)
    write_text(manifest, rows)
    write_text(card, text)
    rest.unlink(missing_ok=True)
    if draft.left_out:
        write_text(rest, _left_out_text(draft.left_out))
    return [path for path in (card, manifest, rest) if path.exists()]


def summary(draft: CohortDraft, card: Path) -> str:
    """A summary of the cohort for the user.

    Args:
        draft: the cohort.
        card: its card's file.

    Returns:
        Lines of text: numbers of cases and patients, the table of structures, reasons for leaving out, notes.
    """
    rest = card.with_name(f"{card.stem}.left-out.tsv")
    cases, groups = ({getattr(row, key) for row in draft.report.rows} for key in ("case", "group"))
    head = (
        f"cases: {len(cases)}, patients: {len(groups)}, {draft.dimension}D, below {draft.root}; "
        f"seen: {', '.join(draft.seen) or 'none'}; unseen: {', '.join(draft.unseen) or 'none'}"
    )
    reasons = [f"left out: {line}" for line in _reasons(draft.left_out)]
    if len(reasons) > _MOST_REASONS:
        count = len(reasons) - _MOST_REASONS
        reasons = [*reasons[:_MOST_REASONS], f"left out: {count} more reasons are in {rest}"]
    lacking = [note for note in draft.report.notes if note.key == "label_values"]
    doubts = [
        replace(note, file=card.stem, line=0) for note in draft.report.notes if note.key != "label_values"
    ]
    notes = [f"note: {note}" for note in (*draft.notes, *grouped(doubts))]
    if not any(row.split == "test" for row in draft.report.rows):
        notes.append(
            "note: no case is in the split test, which runs play unless their configuration has another `split`; add "
            "cases, or give --split-shares or --splits"
        )
    if lacking:
        notes.append(
            f"note: in {len(lacking)} rows the label map lacks a value that others of its structure have, "
            f"as in a tumour without necrosis; `bifseg cohort check {card}` lists them"
        )
    lines = [short(line, _LONGEST_LINE) for line in (*reasons, *notes)]  # names of files may hold line breaks
    return "\n".join([head, draft.report.table(), *lines])


def _reasons(left_out: tuple[LeftOut, ...]) -> list[str]:
    """A line for each reason, those with the most cases first."""
    by_reason: defaultdict[str, list[LeftOut]] = defaultdict(list)
    for one in left_out:
        by_reason[one.reason].append(one)
    lines = []
    for reason, group in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        cases = sorted({one.case for one in group} - {""})
        structures = sorted({one.structure for one in group} - {""})
        what = [", ".join(structures)] if structures else []
        what += [counted(len(cases), "case")] if cases else []
        names = ", ".join([*cases[:_MOST_NAMES], "..."] if len(cases) > _MOST_NAMES else cases)
        files = sorted({one.file for one in group} - {""})
        example = [f"e.g. {files[0]}" if len(files) > 1 else files[0]] if files else []
        where = f" ({'; '.join([names, *example])})" if cases else ""
        lines.append(f"{' of '.join(what)}: {reason}{where}")
    return lines


def _card_text(draft: CohortDraft, path: Path, manifest: str, command: str, force: bool) -> str:
    """The text of the card; raises InputError if a card exists that has other values."""
    root = {"root": str(draft.root)}
    own = {"dimension": draft.dimension, "manifest": manifest, **root}
    own |= {"seen": list(draft.seen), "unseen": list(draft.unseen)}
    with_channels = [row for row in draft.report.rows if row.channels]
    names = {name for row in with_channels for name in (row.modality, *dict(row.channels))}
    own |= {"channels": sorted(names)} if names else {}
    if force or not path.exists():
        return f"# Made by: {command}\n" + yaml.safe_dump(own, sort_keys=False, default_flow_style=None)
    text, card = path.read_text(encoding="utf-8"), read_card(CohortCard, path)
    needed = CohortCard.model_validate(own)
    for key in own:
        present = getattr(card, key)
        if present != getattr(needed, key) and not (key == "root" and present is None):
            raise InputError(
                f"{path}: {key}: is {_shown(present)} in the file and {_shown(getattr(needed, key))} here; "
                "choose another --name, or replace the card with --force"
            )
    if card.root is not None:
        return text
    return f"{text.rstrip()}\n{yaml.safe_dump(root)}"


def _shown(value: object) -> str:
    return ", ".join(value) or "none" if isinstance(value, list) else str(value)


def _left_out_text(left_out: tuple[LeftOut, ...]) -> str:
    return table_text(["case", "structure", "reason", "file"], (vars(one).values() for one in left_out))
