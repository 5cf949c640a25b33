"""Truncated files; text files are cut at the end of a line, so that the rest looks complete."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from time import sleep

import pandas as pd
from kills import SLOW, kill_the_job
from place import Place, stub
from verdict import Row, compare

from bifseg.sessions.archive import Archive

HOW = "cut off, then `snakemake` again with all that reads it"
TO_SCORES = ("run_sessions", "collect_scores")
FIRST = "results/r/sessions/discs/own/half"
NETWORK = "results/r/networks/discs/tiny"


@dataclass(frozen=True)
class Cut:
    """A file that is cut off.

    Attributes:
        path: from the project's folder.
        reader: the rule of the workflow that reads it.
        writer: the rule that makes it anew; none for a user's file, which is brought back.
    """

    path: str
    reader: str
    writer: str = ""


CUTS = {
    "the packed sessions": Cut(f"{FIRST}/shard-1.zip", "run_sessions"),
    "a plan": Cut("results/r/plans/discs/half.tsv", "run_sessions", "plan_sessions"),
    "the list of objects": Cut("results/r/cohorts/discs/objects.tsv", "run_sessions", "prepare_cohort"),
    "cohort.json": Cut("results/r/cohorts/discs/cohort.json", "run_sessions", "prepare_cohort"),
    "an image": Cut("data/case03.nii.gz", "write_results"),
    "a label map": Cut("data/case03_label.nii.gz", "run_sessions"),
    "a network's weights": Cut(f"{NETWORK}/weights.pt", "run_sessions", "train_network"),
    "a training curve": Cut(f"{NETWORK}/curve.csv", "write_results", "train_network"),
    "a network's card": Cut(f"{NETWORK}/card.json", "write_results", "train_network"),
    "protocol.json": Cut(f"{FIRST}/protocol.json", "write_results", "run_sessions"),
    "the scores of a job": Cut(
        "results/r/scores/discs/half/shard-1.parquet", "collect_scores", "run_sessions"
    ),
    "scores.parquet": Cut("results/r/scores.parquet", "write_results", "collect_scores"),
    "scores.csv": Cut("results/r/scores.csv", "write_results", "collect_scores"),
    "a table": Cut("results/r/tables/discs-tools.csv", "write_results"),
    "the list of tables": Cut("results/r/tables/index.json", "write_results"),
    "a figure": Cut("results/r/figures/discs-dice.svg", "write_results"),
    "provenance.json": Cut("results/r/provenance.json", "write_results"),
    "config.json": Cut("results/r/config.json", "write_results"),
    "the history": Cut("results/history.jsonl", "write_results"),
}


def cut(path: Path, share: float = 0.6) -> None:
    """Cut a file off; one of text at the end of a line."""
    content = path.read_bytes()
    remaining = content[: int(share * len(content))]
    if path.suffix in (".tsv", ".csv") and b"\n" in remaining:
        remaining = remaining[: remaining.rindex(b"\n") + 1]
    assert len(remaining) < len(content)
    path.write_bytes(remaining)


def cut_files(folder: Path, names: tuple[str, ...] = tuple(CUTS)) -> list[Row]:
    """Cut one file of a finished run after the other, and finish the run each time."""
    entries = {"base-net@tiny": {"method": "base-net"}, "half": stub()}
    place = Place(folder, entries, config={"shards": None, "job_minutes": 1})
    place.snakemake().check()
    calm = pd.read_parquet(place.run / "scores.parquet")
    table = [_row(place, name, CUTS[name], calm) for name in names]
    place.snakemake().check()
    assert compare(pd.read_parquet(place.run / "scores.parquet"), calm).good
    return table


def _row(place: Place, name: str, what: Cut, calm: pd.DataFrame) -> Row:
    path = place.folder / what.path
    whole, before = path.read_bytes(), pd.read_parquet(place.run / "scores.parquet")
    cut(path)
    sleep(0.01)
    until = ("--until", "collect_scores" if what.reader in TO_SCORES else what.reader)
    first = place.snakemake("--forcerun", what.reader, *until)
    if first.code:
        assert first.line, first.text
        outcome, again = f"exit code {first.code}: `{first.line}`", []
        if what.writer:
            again, remedy = ["--forcerun", what.writer], f"`snakemake --forcerun {what.writer}`"
        else:
            remedy = "brings it back"
            path.write_bytes(whole)
        place.snakemake(*again, *until).check()
    else:
        remedy = "nothing"
        outcome = (
            "made anew"
            if not whole.startswith(path.read_bytes()) or path.read_bytes() == whole
            else "not read"
        )
    finished = None if name == "the packed sessions" else before
    verdict = compare(pd.read_parquet(place.run / "scores.parquet"), calm, finished)
    assert verdict.good, (name, verdict)
    row = f"cut off: {name}", HOW, f"{outcome.replace(f'{place.folder}/', '')}; {verdict}", remedy
    print(*row, sep=" | ", file=sys.stderr, flush=True)
    return row


def cut_sessions(folder: Path) -> Row:
    """Kill a job, cut off two of the sessions that it stored, and finish it."""
    place = Place(folder, {"slow": SLOW}, 6)
    place.prepare()
    place.play("calm").check()
    calm = place.score("calm")
    process, unpacked = place.start(place.job("out")), folder / "out" / "unpacked"
    while len(list(unpacked.glob("[!.]*.zip"))) < 5:
        assert process.poll() is None, process.communicate()
        sleep(0.02)
    kill_the_job(process)
    files = sorted(unpacked.glob("[!.]*.zip"))
    cut(files[0], 0.6)
    cut(files[1], 0.0)
    n_intact = len(Archive(folder / "out").stored())
    again = place.play("out").check()
    verdict = compare(place.score("out"), calm)
    last_line = again.text.strip().splitlines()[-1]
    assert verdict.good, verdict
    assert n_intact == len(files) - 2, (n_intact, files)
    assert f"{n_intact} kept" in last_line, last_line
    outcome = f"{len(files)} were stored, 2 of them cut off: `{last_line}`; {verdict}"
    return (
        "cut off: sessions of a job at work",
        "job killed, two session files cut to 60 % and 0 %, run again",
        outcome,
        "nothing",
    )
