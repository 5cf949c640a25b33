"""Damaged files of a finished run through the commands that read them: never another number, never a crash.

    python tests/reliability/fuzz_results.py 20000           # by hand; prints a table and the first failures
    python tests/reliability/fuzz_results.py 200 --seed 1    # a slice

A tiny run is played once. Then one of its files is cut off, has flipped bits or changed bytes, is empty, gone, or
swapped for another file of the run; a command that reads it must end with exit code 2 and one line, or with exit code 0
and the very output that it gives for the undamaged run. The file is put back, and the next input is tried.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from fuzz import called, complaint, in_children, prepare, spoilt, tell
from place import Place, stub

RUN = "results/r"
HALF = f"{RUN}/sessions/discs/own/half"
COHORT = f"{RUN}/cohorts/discs"
SCORES = [f"{RUN}/scores/discs/half/shard-1.parquet", f"{RUN}/scores/discs/@tiny/shard-1.parquet"]


@dataclass(frozen=True)
class Reader:
    """A command that reads files of a run.

    Attributes:
        command: its words.
        reads: the files that are damaged in turn, from the project's folder.
        writes: what must be the same as from the undamaged run, where it ends well; of files without a hash of their
            own, whose damage may be another valid value, nothing.
        weight: how often it is tried.
    """

    command: str
    reads: tuple[str, ...]
    writes: tuple[str, ...] = ()
    weight: int = 1


SCORE = f"score {HALF} --cohort {COHORT} --out out/half"
READERS = (
    Reader(SCORE, (f"{HALF}/shard-1.zip",), ("out/half.csv",), 32),
    Reader(SCORE, (f"{COHORT}/objects.tsv", f"{RUN}/.session-key"), ("out/half.csv",), 6),
    Reader(SCORE, (f"{COHORT}/cohort.json",), (), 6),
    Reader(f"collect {' '.join(SCORES)} --out out/s", tuple(SCORES), ("out/s.csv",), 28),
    Reader(f"status {RUN}", (f"{HALF}/shard-1.zip", f"{COHORT}/objects.tsv", f"{RUN}/config.json"), (), 10),
    Reader(f"retry {RUN}", (f"{HALF}/shard-1.zip", f"{RUN}/config.json"), (), 3),
    Reader(
        f"provenance {RUN}",
        (f"{RUN}/config.json", f"{COHORT}/cohort.json", f"{RUN}/networks/discs/tiny/card.json"),
    ),
    Reader(
        "leaderboard results/history.jsonl --out out/l.html",
        ("results/history.jsonl", "results/history/*"),
        (),
        5,
    ),
    Reader(
        f"history append {RUN} --history results/history.jsonl",
        ("results/history.jsonl", f"{RUN}/scores.parquet", f"{RUN}/provenance.json", f"{HALF}/protocol.json"),
        (),
        2,
    ),
    Reader(
        f"compare {RUN}:half {RUN}:base-net@tiny --out out/c.csv",
        (f"{RUN}/scores.parquet",),
        ("out/c.csv",),
    ),
    Reader(f"compare {RUN}:half {RUN}:base-net@tiny", (f"{RUN}/provenance.json", f"{HALF}/protocol.json")),
)
SLOW = (
    Reader(f"tables {RUN}", (f"{RUN}/scores.parquet",), (f"{RUN}/tables/discs-tools.csv",)),
    Reader(
        f"tables {RUN}",
        (f"{HALF}/protocol.json", f"{RUN}/sessions/discs/own/base-net@tiny/forgetting-1.json"),
    ),
    Reader(
        f"figures {RUN}", (f"{RUN}/scores.parquet", f"{RUN}/networks/discs/tiny/*", f"{HALF}/shard-1.zip")
    ),
    Reader(
        f"report {RUN}",
        (f"{RUN}/provenance.json", f"{RUN}/tables/*", f"{RUN}/figures/*", f"{RUN}/metrics.json"),
    ),
)
ONE_SLOW_IN = 80


def damaged(rng: random.Random, path: Path, others: list[Path]) -> tuple[str, bytes | None]:
    """How a file is damaged, and its bytes; None where it is gone."""
    content = path.read_bytes()
    way = rng.choice(["cut off", "bits flipped", "bits flipped", "bytes changed", "swapped", "empty", "gone"])
    if way == "cut off":
        content = content[: rng.randrange(max(1, len(content)))]
    elif way == "bits flipped":
        data = bytearray(content)
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        content = bytes(data)
    elif way == "bytes changed":
        content = spoilt(rng, content)
    elif way == "swapped":
        content = rng.choice(others).read_bytes()
    return way, {"empty": b"", "gone": None}.get(way, content)


def inputs(seed: int) -> Iterator[tuple[Reader, Path, str, bytes | None]]:
    """Endless damages of the run in the current folder: who reads it, the file, how, and its new bytes."""
    rng = random.Random(seed)
    files = sorted(path for path in Path("results").rglob("*") if path.is_file() and path.stat().st_size)
    weights = [reader.weight for reader in READERS]
    number = 0
    while True:
        number += 1
        slow = number % ONE_SLOW_IN == 0
        reader = rng.choice(SLOW) if slow else rng.choices(READERS, weights)[0]
        matches = [
            path for pattern in reader.reads for path in sorted(Path().glob(pattern)) if path.stat().st_size
        ]
        path = rng.choice(matches)
        alike = [other for other in files if other.suffix == path.suffix and other != path] or files
        yield reader, path, *damaged(rng, path, alike)


def output(reader: Reader) -> list[bytes]:
    """What a command wrote."""
    return [Path(name).read_bytes() for name in reader.writes]


def verdict(reader: Reader, path: Path, content: bytes | None, calm: list[bytes]) -> str:
    """What is wrong with how a command takes a damaged file; empty if nothing is."""
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with open("said", "wb") as stderr, open("shown", "wb") as stdout:
        os.dup2(stderr.fileno(), 2)
        os.dup2(stdout.fileno(), 1)
    code, seconds = called(reader.command)
    lines = Path("said").read_bytes().decode("utf-8", "replace").splitlines()
    names = [str(path), "results", "shard", "discs", "cards/"]
    problem = complaint(
        0 if reader.command.startswith("compare") and code == 1 else code, lines, seconds, names
    )
    if not problem and code == 0 and output(reader) != calm:
        return "another output, and not a word"
    return problem


def work(project: Path, folder: Path, seed: int, first: int, last: int, pipe: Connection) -> None:
    """Send the number of each input of a range when it begins, and its verdict when it ends."""
    prepare()
    place = folder / "place"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(project, place)
    os.chdir(place)
    shutil.copytree("results", folder / "whole", dirs_exist_ok=True)
    calm: dict[Reader, list[bytes]] = {}
    for number, (reader, path, way, content) in enumerate(inputs(seed)):
        if number >= last:
            break
        if number < first:
            continue
        if reader not in calm:
            called(reader.command)
            calm[reader] = output(reader)
        pipe.send((number, kind(path), None))
        problem = verdict(reader, path, content, calm[reader])
        pipe.send((number, kind(path), problem and f"{way}: `{reader.command.split()[0]}`: {problem}"))
        _restore(folder / "whole", Path("results"))


def kind(path: Path) -> str:
    """What a file is called in the table."""
    names = {"half.parquet": "scores of an entry", "base-net@tiny.parquet": "scores of an entry"}
    if path.parent.name in ("tables", "figures", "history"):
        return f"a file of {path.parent.name}/"
    return names.get(path.name, f"`{path.name}`")


def _restore(whole: Path, folder: Path) -> None:
    """Put back every file of the run that is not as it was."""
    for source in whole.rglob("*"):
        target = folder / source.relative_to(whole)
        if source.is_file() and not (target.is_file() and target.read_bytes() == source.read_bytes()):
            shutil.copy2(source, target)


def run(
    n: int, seed: int, project: Path | None = None, minutes: float = math.inf
) -> list[tuple[int, str, str]]:
    """Number, kind and verdict of each input; a run is played first unless its project is given."""
    with tempfile.TemporaryDirectory() as name:
        if project is None:
            project = Path(name) / "project"
            entries = {"base-net@tiny": {"method": "base-net"}, "half": stub()}
            Place(project, entries, 1).snakemake().check()
        shutil.rmtree(project / ".snakemake", ignore_errors=True)
        return in_children(partial(work, project), Path(name), seed, n, minutes=minutes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", type=int)
    parser.add_argument("--seed", type=int, default=2018)
    parser.add_argument(
        "--project", type=Path, help="a project whose run is finished; default: one is played"
    )
    parser.add_argument("--minutes", type=float, default=math.inf, help="end early, with what was tried")
    options = parser.parse_args()
    tell(run(options.n, options.seed, options.project, options.minutes))
