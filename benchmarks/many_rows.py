"""The results of a run with very many sessions: seconds and memory of `bifseg results` against the rows of scores.

    python benchmarks/many_rows.py results/demo FOLDER        about a million rows: 88 times the patients, 4 replicates
    python benchmarks/many_rows.py results/demo FOLDER 9 4      fewer patients

FOLDER becomes a copy of a finished run without replicates, with more patients and replicates in its cohorts, its packed
sessions and its scores. The scores of each copy differ a little, so that tests and intervals have as many values as in
a real run. Expected: seconds and memory are proportional to the rows.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import numpy as np
import pandas as pd

from bifseg.analysis.scores import concatenate, read_scores, write_scores
from bifseg.cohorts.objects import read_objects, write_objects
from bifseg.core.files import file_hash, read_record, write_record
from bifseg.runs.shard_plan import Trial
from bifseg.sessions.record import Session
from bifseg.sessions.seal import Seal

PER_SHARD = 500
_NAMES = ("case", "patient", "object")
_SHARES, _AMOUNTS = ("dice", "nsd", "nsd_2mm"), ("assd_mm", "assd_px", "hd95_mm", "user_s", "machine_s")


def copy_name(name: str, copy: int) -> str:
    """The name of a case, patient or object of a copy; copy 0 keeps its name."""
    return f"{name}-copy-{copy}" if copy else name


def copy_scores(scores: pd.DataFrame, copies: int, replicates: int) -> pd.DataFrame:
    """The scores of all copies, each session with its own small shift of Dice and factor of other measures."""
    rng, parts = np.random.default_rng(0), []
    session = scores.groupby("fingerprint").ngroup().to_numpy()
    for copy in range(copies):
        for replicate in range(replicates):
            shift = rng.normal(0, 0.02, session.max() + 1)[session]
            names = {name: [copy_name(one, copy) for one in scores[name]] for name in _NAMES}
            shares = {name: (scores[name] - np.abs(shift)).clip(0, 1) for name in _SHARES}
            amounts = {name: scores[name] * (1 + np.abs(shift)) for name in _AMOUNTS}
            parts.append(scores.assign(replicate=replicate, **names, **shares, **amounts))
    return concatenate(parts)


def copy_cohort(source: Path, target: Path, copies: int) -> None:
    """A cohort whose objects are listed under the names of all copies, with the same images."""
    shutil.copytree(source, target)
    rows = [
        replace(row, **{name: copy_name(getattr(row, name), copy) for name in ("object", "case", "group")})
        for row in read_objects(source / "objects.tsv")
        for copy in range(copies if row.split == "test" else 1)
    ]
    write_objects(target / "objects.tsv", rows)
    about = read_record(source / "cohort.json")
    write_record(target / "cohort.json", about | {"objects_sha256": file_hash(target / "objects.tsv")})


def copy_sessions(source: Path, target: Path, copies: int, replicates: int) -> None:
    """The packed sessions of an entry for all copies and replicates."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("shard-*.zip"))
    sessions = {}
    for pack in source.glob("shard-*.zip"):
        with ZipFile(pack) as archive:
            for record in (info for info in archive.infolist() if info.filename.endswith("/session.json")):
                name = record.filename.rpartition("/")[0]
                contents = {kind: archive.read(f"{name}/{kind}") for kind in Session.ENTRIES}
                sessions[name] = (record.comment.decode().split(" ")[:2], contents)
    seal, made, archive = Seal(target), 0, None
    for copy in range(copies):
        for (name, (words, contents)), replicate in (
            (item, number) for item in sessions.items() for number in range(replicates)
        ):
            if made % PER_SHARD == 0:
                if archive:
                    archive.close()
                archive = ZipFile(target / f"shard-{made // PER_SHARD + 1}.zip", "w")
            made += 1
            own = Trial(copy_name(name, copy), replicate).session
            stamp = seal.of(own, *words, contents.values())
            for kind, content in contents.items():
                entry = ZipInfo(f"{own}/{kind}")
                is_record = kind == "session.json"
                entry.compress_type = ZIP_DEFLATED if is_record else ZIP_STORED
                entry.comment = " ".join([*words, stamp]).encode() if is_record else b""
                archive.writestr(entry, content)
    if archive:
        archive.close()


def copy_run(source: Path, target: Path, copies: int, replicates: int) -> int:
    """A copy of a run with more patients and replicates, without results; returns its rows of scores."""
    target.mkdir(parents=True)
    for name in (".session-key", "config.json", "metrics.json"):
        shutil.copy(source / name, target / name)
    shutil.copytree(source / "networks", target / "networks")
    scores = copy_scores(read_scores(source / "scores.parquet"), copies, replicates)
    write_scores(scores, target / "scores.parquet")
    for cohort in (source / "cohorts").iterdir():
        copy_cohort(cohort, target / "cohorts" / cohort.name, copies)
    for entry in (source / "sessions").glob("*/*/*"):
        copy_sessions(entry, target / entry.relative_to(source), copies, replicates)
    return len(scores)


def measure(run: Path, settings: str) -> tuple[float, float, float]:
    """Wall and processor seconds of `bifseg results`, all processes together, and the MiB of the largest one."""
    command = ["/usr/bin/time", "-f", "%U %S %M", "bifseg", "results", str(run), "--target", "0.9"]
    command += ["--settings", settings, "--history", str(run.with_name("history.jsonl"))]
    started = perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    user, system, peak = map(float, re.findall(r"[\d.]+", done.stderr.splitlines()[-1]))
    return perf_counter() - started, user + system, peak / 1024


if __name__ == "__main__":
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    copies, replicates = map(int, sys.argv[3:5]) if len(sys.argv) > 4 else (88, 4)
    if not target.exists():
        copy_run(source, target, copies, replicates)
    count, size = len(frame := read_scores(target / "scores.parquet")), frame.memory_usage(deep=True).sum()
    config = json.dumps(read_record(source / "provenance.json", "config")["config"])
    wall, processor, peak = measure(target, config)
    print(
        f"{count} rows, {size / 2**20:.0f} MiB in memory: {wall:.1f} s, processor {processor:.1f} s, {peak:.0f} MiB"
    )
