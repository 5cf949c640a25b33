"""A disk that is full, and one that can only be read. Needs the right to mount."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from place import Place, stub
from verdict import Row, compare

from bifseg.sessions.archive import Archive

SCORES = "results/r/scores.parquet"
ENTRIES = {"base-net@tiny": {"method": "base-net"}, "half": stub()}


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of so many bytes at a folder."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "bifseg-test", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def change(disk: Path, options: str) -> None:
    """Mount a disk anew with other options."""
    subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)


def full_disk_of_a_job(folder: Path, sizes: tuple[str, ...] = ("12k", "24k", "48k")) -> Row:
    """A job of sessions on a disk that is too small, made larger step by step."""
    place = Place(folder, {"half": stub()}, 6)
    place.prepare()
    place.play("calm").check()
    calm, failures = place.score("calm"), []
    with small_disk(folder / "disk", sizes[0]) as disk:
        for size in sizes:
            change(disk, f"size={size}")
            failures.append(place.play("disk/out"))
        stored = [len(Archive(disk / "out").stored())]
        change(disk, "size=64m")
        again = place.play("disk/out").check()
        verdict = compare(place.score("disk/out"), calm)
    codes, lines = [done.code for done in failures], [done.line for done in failures if done.code]
    says_kept = f"{stored[0]} kept" in again.text or not stored[0]
    last_line = again.text.strip().splitlines()[-1]
    outcome = f"exit codes {codes}: `{lines[-1]}`; after room was made `{last_line}`; {verdict}"
    assert 1 in codes, outcome
    assert verdict.good, outcome
    assert says_kept, outcome
    how = f"a job of sessions on a tmpfs of {', '.join(sizes)}, then of 64 MB"
    return "disk full, one job", how, outcome, "makes room and runs it again"


def full_disk(folder: Path, sizes: tuple[str, ...] = ("32k", "96k", "160k", "224k", "288k", "400k")) -> Row:
    """The whole workflow on a disk that is too small, made larger step by step."""
    place = Place(folder, ENTRIES)
    place.snakemake("--", "calm/r/scores.parquet", results="calm").check()
    calm, failures = pd.read_parquet(folder / "calm/r/scores.parquet"), []
    with small_disk(folder / "results", sizes[0]) as disk:
        for size in sizes:
            change(disk, f"size={size}")
            failures.append(place.snakemake("--", SCORES))
        change(disk, "size=64m")
        place.snakemake("--", SCORES).check()
        verdict = compare(pd.read_parquet(place.run / "scores.parquet"), calm)
    codes, lines = [done.code for done in failures], {done.line for done in failures if done.line}
    outcome = f"exit codes {codes}: " + ", ".join(f"`{line}`" for line in sorted(lines)) + f"; then {verdict}"
    assert any(codes), outcome
    assert verdict.good, outcome
    how = f"the workflow on a tmpfs of {', '.join(sizes)}, then of 64 MB"
    return "disk full, the workflow", how, outcome, "makes room and runs `snakemake` again"


def read_only(folder: Path) -> Row:
    """A results folder that cannot be written any more after half of the run."""
    place = Place(folder, ENTRIES)
    place.snakemake("--", "calm/r/scores.parquet", results="calm").check()
    calm = pd.read_parquet(folder / "calm/r/scores.parquet")
    half = "results/r/scores/discs/half/shard-1.parquet"
    with small_disk(folder / "results", "64m") as disk:
        place.snakemake("--", half).check()
        before = pd.read_parquet(folder / half)
        change(disk, "ro")
        refused = place.snakemake("--", SCORES)
        change(disk, "rw")
        place.snakemake("--", SCORES).check()
        verdict = compare(pd.read_parquet(place.run / "scores.parquet"), calm, before)
    outcome = f"exit code {refused.code}: `{refused.line}`; made writable again: {verdict}"
    assert refused.code, outcome
    assert refused.line.startswith("error: results/r: results cannot be written there"), refused.text
    assert "Error in file" not in refused.text, refused.text
    assert verdict.good, outcome
    how = "the results on a disk mounted read-only after the first entry"
    return "results folder read-only", how, outcome, "makes it writable and runs `snakemake` again"
