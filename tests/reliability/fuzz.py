"""Many spoilt inputs through the real commands: each must end in time, with exit code 0 or 2, and one line an error.

    python tests/reliability/fuzz.py 20000              # by hand; prints a table and the first failures of each kind
    python tests/reliability/fuzz.py 200 --seed 1       # a slice

Inputs are drawn from a seed: a good file, spoilt in one to four places. They go through `bifseg.cli.main.main` in a
child process, whose death (by a signal, out of memory, or by our clock) counts as a failure of the input in hand.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import multiprocessing
import os
import random
import re
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path

import nibabel
import numpy as np
import psutil
import SimpleITK as sitk
import typer.main

from bifseg.cli.main import main
from bifseg.core.geometry import Grid
from bifseg.core.images import write_array

SECONDS = 10
"""What one input may take, of processor time."""
MEMORY = 6 << 30
LONGEST = 300
GRID = Grid.plain((6, 7, 8), (2.0, 1.0, 1.5))

CARDS = {
    "cohort": "dimension: 3\nmanifest: m.tsv\nroot: data\nseen: [core]\nunseen: [whole]\nminimum_voxels: 5\n",
    "network": "architecture: pnet\nsettings: {channels: 8}\ninput_size: 32\ntraining: {iterations: 5, batch: 2}\n",
    "method": "method: bifseg\nsettings: {omega: 2.0}\nplays: {dimensions: [2, 3], network: true}\n",
    "protocol": "policy: centre-line/1\nrounds: 3\ntarget: 0.9\nscribbles_on: current\n",
}
COMMANDS = {
    "cohort": "cohort prepare card.yaml --out out",
    "network": "train card.yaml --cohort nowhere --out out",
    "method": "run card.yaml --cohort nowhere --protocol nowhere.yaml --out out",
    "protocol": "run nowhere.yaml --cohort nowhere --protocol card.yaml --out out",
}
HEADER = "case\timage\tlabel\tlabel_values\tstructure\tmodality\tsplit\tgroup\tchannel\traters\n"
ROWS = "a\ti.nii\tl.nii\t1\tcore\tt1\ttrain\tp\t\t\nb\ti.mha\tl.nii.gz\t1,2\tcore\tt1\ttest\tq\t\t\n"
TABLE = "case\timage\tlabel\tsplit\na\ti.nii\tl.nii\ttrain\nb\ti.nrrd\tl.mha\ttest\n"
DATASET = {
    "channel_names": {"0": "T2", "1": "ADC"},
    "labels": {"background": 0, "core": 1, "ignore": 3},
    "file_ending": ".nii.gz",
    "training": [{"image": "imagesTr/a_0000.nii.gz", "label": "labelsTr/a.nii.gz"}],
}
WORDS = [
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\x80\0\0",
    b"\0\0\x80\x7f",
    b"\xff\x7f\xff\x7f",
    b"\0\0\0\x80",
]
TOKENS = [
    *(
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\r\n",
        b"\t",
        b"nan",
        b"-1",
        b"0",
        b"1e400",
        b"9" * 400,
        b"9" * 5000,
    ),
    *(
        b"[" * 3000,
        b"{" * 3000,
        b"&a [*a]",
        b"*a",
        b"!!python/object:os.system x",
        b"!!int x",
        b"<<: ",
        b"'",
        b'"',
    ),
    *(
        "患者\u202e".encode(),
        b"../../etc/passwd",
        b"/dev/zero",
        b"$(touch X)",
        b"`touch X`",
        b"%s{0}{}",
        b"x" * 2000,
    ),
    *(
        b"None",
        b"null",
        b"~",
        b"true",
        b": ",
        b"- ",
        b"\n",
        b"\x1b[31m",
        b"inf",
        b"LIST",
        b"LOCAL",
        b"%d 1 9999999 1",
    ),
]


@dataclass(frozen=True)
class Input:
    """Files to write below a folder, by name, and the command that is to read them there."""

    kind: str
    files: dict[str, bytes]
    command: str


def good_images(folder: Path) -> None:
    """Write an image and its label map in every format that we read."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    image = rng.normal(100, 10, GRID.shape).astype(np.float32)
    label = rng.integers(0, 3, GRID.shape).astype(np.uint8)
    for ending in (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr"):
        for name, array in (("i", image), ("l", label)):
            sitk.WriteImage(sitk.GetImageFromArray(array), folder / f"{name}{ending}", ending == ".nii.gz")
            if ending == ".mhd":  # a .nhdr writes its voxels to NAME.raw too
                (folder / f"{name}.raw").rename(folder / f"{name}.mhd.raw")
                head = folder / f"{name}.mhd"
                head.write_bytes(head.read_bytes().replace(b".raw", b".mhd.raw"))
    for name, array in (("i", image), ("l", label)):
        nibabel.save(nibabel.Nifti1Pair(array.T, np.eye(4)), folder / f"{name}.img")
        write_array(folder / f"{name}.png", array[0].astype(np.uint8), Grid.plain(GRID.shape[1:]))


def spoilt(rng: random.Random, content: bytes, front: int = 0) -> bytes:
    """The content with one to four places changed; within its first `front` bytes only, where that is given."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(min(len(data), front or len(data)) + 1)
        way = rng.randrange(6)
        if way == 0 and at < len(data):
            data[at] = rng.randrange(256)
        elif way == 1:
            data[at:at] = rng.choice(TOKENS)
        elif way == 2:
            del data[at : at + rng.randint(1, 20)]
        elif way == 3 and rng.random() < 0.3:
            del data[at:]
        elif way == 4:
            data[at : at + 4] = rng.choice(WORDS)
        elif data:
            start = rng.randrange(len(data))
            data[at:at] = data[start : start + rng.randint(1, 30)]
    return bytes(data)


def inputs(folder: Path, seed: int) -> Iterator[Input]:
    """Endless spoilt inputs, each kind in turn; the good images lie in the folder's `data`."""
    rng = random.Random(seed)
    data = {path.name: path.read_bytes() for path in sorted((folder / "data").iterdir())}
    heads = [name for name in data if not name.endswith((".raw", ".img"))]
    while True:
        for kind, text in CARDS.items():
            yield Input(f"card of a {kind}", {"card.yaml": spoilt(rng, text.encode())}, COMMANDS[kind])
        yield Input(
            "manifest", {"data/x.tsv": spoilt(rng, (HEADER + ROWS).encode())}, "cohort check data/x.tsv"
        )
        command = "cohort from tsv data/x.tsv --out out --structure core=1"
        yield Input("table", {"data/x.tsv": spoilt(rng, TABLE.encode())}, command)
        layout = rng.choice(["nnunet", "msd"])
        content = spoilt(rng, json.dumps(DATASET).encode())
        yield Input("dataset.json", {"set/dataset.json": content}, f"cohort from {layout} set --out out")
        for _ in range(5):
            head = rng.choice(heads)
            base, ending = head[: head.index(".")], head[head.index(".") :]
            other = "i.png" if ending == ".png" else "i.nii"
            image, label = (
                (f"x{ending}", other.replace("i", "l", 1)) if base == "i" else (other, f"x{ending}")
            )
            row = f"a\t{image}\t{label}\t1\tcore\tt1\ttest\t\t\t\n"
            files = {"data/x.tsv": (HEADER + row).encode(), f"data/x{ending}": spoilt(rng, data[head], 400)}
            if ending == ".hdr":
                files["data/x.img"] = data[f"{base}.img"]
            dimension = 2 if ending == ".png" else 3
            yield Input(f"header of a {ending}", files, f"cohort check data/x.tsv --dimension {dimension}")


def verdict(folder: Path, one: Input) -> str:
    """What is wrong with how a command takes an input; empty if nothing is."""
    for name, content in one.files.items():
        (folder / name).write_bytes(content)
    shutil.rmtree(folder / "out", ignore_errors=True)
    with open(folder / "said", "wb") as said:
        os.dup2(said.fileno(), 2)
    with open(folder / "shown", "wb") as shown:
        os.dup2(shown.fileno(), 1)
    code, seconds = called(one.command)
    lines = (folder / "said").read_bytes().decode("utf-8", "replace").splitlines()
    return complaint(code, lines, seconds, list(one.files))


def called(command: str) -> tuple[int, float]:
    """The exit code of a command of bifseg that is called in this process, and the processor seconds it took."""
    sys.argv = ["bifseg", *command.split()]
    begun = time.process_time()
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    seconds = time.process_time() - begun
    sys.stderr.flush()
    sys.stdout.flush()
    return code, seconds


def complaint(code: int, lines: list[str], seconds: float, names: list[str]) -> str:
    """What is wrong with an exit code, the lines of stderr and the time; empty if nothing is."""
    if code not in (0, 2):
        return f"exit code {code}: {lines[-1][:200] if lines else ''}"
    if seconds > SECONDS:
        return f"{seconds:.1f} s"
    if code == 2 and not lines:
        return "exit code 2 without a line"
    if code == 2 and any("Error" in line and "Traceback" in line for line in lines):
        return "traceback"
    for line in lines:
        if len(line) > LONGEST:
            return f"{len(line)} characters: {line[:200]}"
        if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", line):
            return f"control characters: {line[:200]!r}"
        if code == 2 and not any(
            Path(name).name in line for name in (*names, "card.yaml", "nowhere", "x.", "set")
        ):
            return f"names no file: {line[:200]}"
    return ""


def prepare() -> None:
    """Make this process one that reads inputs: commands are built once, and memory is limited."""
    typer.main.get_command = cache(
        typer.main.get_command
    )  # else four fifths of the time go into building options
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def work(folder: Path, seed: int, first: int, last: int, pipe: Connection) -> None:
    """Send the number of each input of a range when it begins, and its verdict when it ends."""
    prepare()
    os.chdir(folder)
    for number, one in enumerate(inputs(folder, seed)):
        if number >= last:
            break
        if number >= first:
            pipe.send((number, one.kind, None))
            pipe.send((number, one.kind, verdict(Path(), one)))


def run(n: int, seed: int, show: Callable[[int], None] = lambda number: None) -> list[tuple[int, str, str]]:
    """Number, kind and verdict of each input."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        good_images(folder / "data")
        for place in ("set/imagesTr", "set/labelsTr"):
            (folder / place).mkdir(parents=True)
        for name_, source in (("imagesTr/a_0000", "i"), ("imagesTr/a_0001", "i"), ("labelsTr/a", "l")):
            shutil.copy(folder / f"data/{source}.nii.gz", folder / f"set/{name_}.nii.gz")
        return in_children(work, folder, seed, n, show)


def in_children(
    work: Callable[[Path, int, int, int, Connection], None],
    folder: Path,
    seed: int,
    n: int,
    show: Callable[[int], None] = lambda number: None,
    minutes: float = math.inf,
) -> list[tuple[int, str, str]]:
    """Number, kind and verdict of each input; the child that reads them is started anew when it dies or hangs.

    It ends early, with what was tried, once so many minutes are over.
    """
    results: list[tuple[int, str, str]] = []
    end = time.monotonic() + 60 * minutes
    while len(results) < n and time.monotonic() < end:
        receiver, sender = multiprocessing.Pipe()
        child = multiprocessing.get_context("fork").Process(
            target=work, args=(folder, seed, len(results), n, sender)
        )
        child.start()
        sender.close()
        begun: tuple[int, str] | None = None
        with contextlib.suppress(EOFError):
            while time.monotonic() < end and _speaks(receiver, child.pid):
                number, kind, verdict = receiver.recv()
                begun = (number, kind) if verdict is None else None
                if verdict is not None:
                    results.append((number, kind, verdict))
                    show(len(results))
        if child.is_alive():
            child.kill()
        child.join()
        if begun and len(results) < n and time.monotonic() < end:
            results.append((*begun, f"the process ended by {child.exitcode}"))
    return results


def _speaks(pipe: Connection, number: int | None) -> bool:
    """Whether a process sends something before it has spent `4 * SECONDS` of processor time on one input."""
    process = psutil.Process(number)
    begun = sum(process.cpu_times()[:2])
    while not pipe.poll(1):
        if sum(process.cpu_times()[:2]) > begun + 4 * SECONDS or process.status() == psutil.STATUS_ZOMBIE:
            return False
    return True


def table(results: list[tuple[int, str, str]]) -> str:
    """Inputs and failures of each kind as Markdown."""
    count, bad = Counter(kind for _, kind, _ in results), Counter(kind for _, kind, fault in results if fault)
    rows = [f"| {kind} | {n} | {n - bad[kind]} | {bad[kind]} |" for kind, n in sorted(count.items())]
    total = f"| **all** | {len(results)} | {len(results) - bad.total()} | {bad.total()} |"
    return "\n".join(["| input | tried | held | failed |", "|---|--:|--:|--:|", *rows, total])


def tell(done: list[tuple[int, str, str]]) -> None:
    """Print the table and the first failure of each kind; the exit code is 1 where there is one."""
    print(table(done))
    examples: defaultdict[str, list[str]] = defaultdict(list)
    for number, kind, fault in done:
        if fault:
            examples[re.sub(r"[^A-Za-z :]+", "", fault)[:40]].append(f"{number} {kind}: {fault}")
    for lines in examples.values():
        print(f"{len(lines)} x {lines[0]}")
    sys.exit(1 if examples else 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", type=int)
    parser.add_argument("--seed", type=int, default=2018)
    options = parser.parse_args()
    tell(run(options.n, options.seed))
