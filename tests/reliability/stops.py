"""Runs that get a signal to stop, files that change during a run, and two runs that write one history."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from time import monotonic, sleep

import pandas as pd
import yaml
from kills import SLOW, stored
from place import TIMEOUT_S, Done, Place, stub
from verdict import Row, compare

from bifseg.core.files import read_record, write_record

FIRST_S = 300.0
"""By then a job has stored its first sessions."""
ADDERS = 6
"""Processes that add to one history at a time."""


def wait_for_sessions(folder: Path, process: subprocess.Popen[str], least: int) -> set[str]:
    """The sessions that are stored once there are so many."""
    end = monotonic() + FIRST_S
    while monotonic() < end:
        assert process.poll() is None, process.communicate()
        finished = stored(folder)
        if len(finished) >= least:
            return finished
        sleep(0.1)
    raise TimeoutError(f"no {least} sessions in {FIRST_S:g} s")


def ended(process: subprocess.Popen[str]) -> Done:
    """A command once it has ended, and what it said."""
    text = process.communicate(timeout=TIMEOUT_S)[0]
    return Done(process.returncode, text)


def stopped_job(folder: Path, number: int) -> Row:
    """A job of sessions gets a signal, as by Ctrl-C in a terminal or from a scheduler, and is run again."""
    name = signal.Signals(number).name
    place = Place(folder, {"slow": SLOW}, 6)
    place.prepare()
    place.play("calm").check()
    calm = place.score("calm")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` would have children ignore it
    process = place.start(place.job("out"))
    finished = wait_for_sessions(folder / "out", process, 3)
    os.killpg(process.pid, number)
    first = ended(process)
    stored_after_signal = stored(folder / "out")
    place.play("out").check()
    verdict = compare(place.score("out"), calm)
    lost = len(finished - stored(folder / "out"))
    n_temporary = len(list((folder / "tmp").iterdir()))
    n_kept = len(stored_after_signal)
    outcome = (
        f"exit code {first.code}: `{first.line}`; {n_kept} of 12 kept; {verdict}; "
        f"{n_temporary} temporary folders left"
    )
    assert verdict.good, outcome
    assert not lost, outcome
    assert first.code, outcome
    return f"{name} of a job", "after three of its 12 sessions", outcome, "runs it again"


def stopped_workflow(folder: Path, number: int) -> Row:
    """The workflow gets a signal in the midst of its sessions, and is run again."""
    name = signal.Signals(number).name
    place = Place(folder, {"slow": SLOW}, 4)
    place.snakemake("--", "calm/r/scores.parquet", results="calm").check()
    calm = pd.read_parquet(folder / "calm/r/scores.parquet")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = place.start(place.snakemake_command("--", "results/r/scores.parquet"))
    finished = wait_for_sessions(place.sessions("slow"), process, 2)
    os.killpg(process.pid, number)
    first = ended(process)
    again = place.snakemake("--", "results/r/scores.parquet")
    if "lock" in again.text.lower() and again.code:
        place.snakemake("--unlock").check()
        again = place.snakemake("--", "results/r/scores.parquet")
    again.check()
    verdict = compare(pd.read_parquet(place.run / "scores.parquet"), calm)
    lost = len(finished - stored(place.sessions("slow")))
    outcome = (
        f"exit code {first.code}; {len(finished) - lost} of {len(finished)} finished sessions kept; {verdict}"
    )
    assert verdict.good, outcome
    assert not lost, outcome
    return f"{name} of the workflow", "in the midst of its sessions", outcome, "`snakemake` again"


def changed_image(folder: Path) -> Row:
    """An image is overwritten while a job plays; it is brought back, and the job is run again."""
    place = Place(folder, {"slow": SLOW}, 6)
    place.prepare()
    place.play("calm").check()
    calm = place.score("calm")
    image = folder / "data/case07.nii.gz"
    whole, other_image = image.read_bytes(), (folder / "data/case06.nii.gz").read_bytes()
    process = place.start(place.job("out"))
    finished = wait_for_sessions(folder / "out", process, 2)
    image.write_bytes(other_image)
    first = ended(process)
    image.write_bytes(whole)
    place.play("out").check()
    verdict = compare(place.score("out"), calm)
    lost = len(finished - stored(folder / "out"))
    outcome = f"exit code {first.code}: `{first.line.replace(f'{folder}/', '')}`; brought back: {verdict}"
    assert first.code == 2, outcome
    assert verdict.good, outcome
    assert not lost, outcome
    return (
        "an image changed half-way",
        "overwritten by another one after two sessions",
        outcome,
        "brings it back",
    )


def changed_card(folder: Path) -> Row:
    """A card is edited while the workflow plays it: the run ends, and the next one plays all with the new card."""
    place = Place(folder, {"slow": SLOW}, 4)
    process = place.start(place.snakemake_command("--", "results/r/scores.parquet"))
    wait_for_sessions(place.sessions("slow"), process, 2)
    card = stub("slow_methods:Slow", seconds=0.01)
    (folder / "cards/methods/slow.yaml").write_text(yaml.safe_dump(card))
    first = ended(process)
    old = stored(place.sessions("slow"))
    place.snakemake("--", "results/r/scores.parquet").check()
    new = stored(place.sessions("slow"))
    place.snakemake("--", "calm/r/scores.parquet", results="calm").check()
    verdict = compare(
        pd.read_parquet(place.run / "scores.parquet"), pd.read_parquet(folder / "calm/r/scores.parquet")
    )
    n = len(new)
    outcome = (
        f"exit code {first.code}; the next snakemake played {len(new - old)} of {n} sessions anew; {verdict}"
    )
    assert first.code, outcome
    assert verdict.good, outcome
    assert not old & new, outcome
    return "a card changed half-way", "edited after two sessions", outcome, "`snakemake` again"


def shared_history(folder: Path) -> Row:
    """Two runs add themselves to one history at the same moment, again and again."""
    place = Place(folder, {"half": stub(), "base-net@tiny": {"method": "base-net"}})
    place.snakemake().check()
    other_run = folder / "results/q"
    shutil.copytree(place.run, other_run)
    scores = pd.read_parquet(other_run / "scores.parquet").assign(run="q")
    scores.to_parquet(other_run / "scores.parquet")
    provenance = read_record(other_run / "provenance.json")
    write_record(other_run / "provenance.json", provenance | {"written": "2027-01-01T00:00:00+00:00"})
    history = folder / "both.jsonl"
    words = ["history", "append", "--history", str(history)]
    command = place.job("unused")[:3]
    codes = []
    for _ in range(3):
        adders = [place.start([*command, *words, str(run)]) for run in [place.run, other_run] * (ADDERS // 2)]
        codes += [ended(adder).code for adder in adders]
    records = [json.loads(text) for text in history.read_text().splitlines()]
    entries = sorted((record["run"], record["method"]) for record in records)
    outcome = f"{len(codes)} processes, exit codes {sorted(set(codes))}; records: {entries}"
    assert set(codes) == {0}, outcome
    assert entries == [(run, method) for run in "qr" for method in ("base-net", "half")], outcome
    return "two runs with one history", f"{ADDERS} processes at a time, three times", outcome, "nothing"
