"""A tiny run to do harm to: a few discs, stub methods, and the project's own workflow in a folder of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "helpers"))
from disc_cases import HEADER, make_case  # noqa: E402
from project import copy_project, quietly, snakemake_command  # noqa: E402

TIMEOUT_S = 1500
STUBS = (HERE.parent / "helpers" / "odd_methods.py", HERE / "slow_methods.py")
NETWORK = {
    "architecture": "pnet",
    "settings": {"channels": 4},
    "input_size": 20,
    "training": {"optimizer": "adam", "iterations": 20, "validate_every": 10},
}


def stub(name: str = "odd_methods:Half", **settings: Any) -> dict[str, Any]:
    """The card of a stub method."""
    return {"method": name, "settings": settings, "plays": {"dimensions": [2]}}


@dataclass
class Place:
    """A project folder with one cohort and one protocol.

    Attributes:
        methods: their cards by name; a name METHOD@tiny plays with the tiny network.
        cases: of the test split, with two objects each.
        config: keys of the run's configuration beside those that are given here.
        rules: keys of the protocol card.
    """

    folder: Path
    methods: dict[str, dict[str, Any]]
    cases: int = 3
    config: dict[str, Any] = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "tmp").mkdir(parents=True)
        copy_project(self.folder)
        for source in STUBS:
            shutil.copy2(source, self.folder)
        self._write_data(self.folder / "data")
        cohort = {"dimension": 2, "manifest": "../../data/manifest.tsv", "seen": ["disc"], "unseen": ["ring"]}
        rules = {"rounds": 2, "target": 0.99, "patience": None, **self.rules}
        networks = ["tiny"] if any(name.endswith("@tiny") for name in self.methods) else []
        self._write_card("cohorts/discs", cohort)
        self._write_card("protocols/own", rules)
        self._write_card("networks/tiny", NETWORK)
        for name, card in self.methods.items():
            self._write_card(f"methods/{name.partition('@')[0]}", card)
        cohort_entries = {"networks": networks, "protocols": {"own": list(self.methods)}}
        run = {"run": "r", "seed": 7, "cards": "cards", "shards": 1, "cohorts": {"discs": cohort_entries}}
        (self.folder / "config.yaml").write_text(yaml.safe_dump(run | self.config))

    @property
    def run(self) -> Path:
        """The folder of the run's results."""
        return self.folder / "results" / "r"

    def sessions(self, entry: str) -> Path:
        """The folder of an entry's sessions, as the workflow names it."""
        return self.run / "sessions" / "discs" / "own" / entry

    def snakemake(self, *words: str, profile: str = "default", results: str = "results") -> Done:
        """Run the workflow; what it says comes together."""
        return self._do(self.snakemake_command(*words, profile=profile, results=results))

    def snakemake_command(self, *words: str, profile: str = "default", results: str = "results") -> list[str]:
        """The words of a command that runs the workflow."""
        return snakemake_command("--config", f"results={results}", *words, profile=profile)

    def prepare(self) -> None:
        """Make the cohort without the workflow."""
        self.bifseg("cohort", "prepare", "cards/cohorts/discs.yaml", "--out", "cohort").check()

    def job(self, out: str, *words: str) -> list[str]:
        """The words of a command that plays all sessions of the first entry into a folder."""
        (entry, *_) = self.methods
        method, _, network = entry.partition("@")
        options = {
            "cohort": "cohort",
            "protocol": "cards/protocols/own.yaml",
            "out": out,
            "run": "r",
            "seed": "7",
        }
        options |= {"index": f"{out}/shard-1.tsv"} | ({"network": f"networks/{network}"} if network else {})
        named = [word for key, value in options.items() for word in (f"--{key}", value)]
        return [sys.executable, "-m", "bifseg", "run", f"cards/methods/{method}.yaml", *named, *words]

    def play(self, out: str, *words: str) -> Done:
        """Run the job of `job`."""
        return self._do(self.job(out, *words))

    def score(self, out: str) -> pd.DataFrame:
        """The rows of the sessions in a folder."""
        self.bifseg("score", out, "--cohort", "cohort", "--out", f"{out}.parquet").check()
        return pd.read_parquet(self.folder / f"{out}.parquet")

    def bifseg(self, *words: str) -> Done:
        """Run a command of bifseg."""
        return self._do([sys.executable, "-m", "bifseg", *words])

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        """Start a command in a process group of its own."""
        return subprocess.Popen(command, **self.quietly(), start_new_session=True)

    def quietly(self) -> dict[str, Any]:
        """How commands are started here."""
        return quietly(self.folder, TMPDIR=str(self.folder / "tmp"))

    def _do(self, command: list[str]) -> Done:
        ended = subprocess.run(command, **self.quietly(), timeout=TIMEOUT_S)
        return Done(ended.returncode, ended.stdout)

    def _write_card(self, name: str, card: dict[str, Any]) -> None:
        path = self.folder / "cards" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(card))

    def _write_data(self, folder: Path) -> None:
        splits = ["train", "validation", *["test"] * self.cases]
        rows = [row for k, split in enumerate(splits) for row in make_case(folder, f"case{k:02}", split)]
        (folder / "manifest.tsv").write_text(HEADER + "".join(rows))


@dataclass(frozen=True)
class Done:
    """A command that has ended.

    Attributes:
        code: its exit code; the negative number of a signal.
        text: all that it said.
    """

    code: int
    text: str

    @property
    def line(self) -> str:
        """The line of an error that a person is meant to read: the last such; empty where there is none."""
        starts = ("error: ", "failed: ", "InputError", "OSError", "Error: ")
        error_lines = [line.strip() for line in self.text.splitlines() if line.strip().startswith(starts)]
        return error_lines[-1] if error_lines else ""

    def check(self) -> Done:
        """Itself; RuntimeError with the last of what it said where it did not end well."""
        if self.code:
            raise RuntimeError(f"exit code {self.code}: {self.text[-3000:]}")
        return self
