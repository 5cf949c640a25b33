"""Where a run's results come from: versions, settings and hashes."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bifseg import __version__
from bifseg.core.files import file_hash, read_json, write_json
from bifseg.runs.fingerprints import session_code

PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "pandas",
    "SimpleITK",
    "medpy",
    "PyMaxflow",
    "scikit-image",
    "nilearn",
    "matplotlib",
    "pydantic",
    "snakemake",
)


def write_provenance(run: Path, config: Any) -> None:
    """Write provenance.json of a run folder."""
    write_json(run / "provenance.json", collect_provenance(run, config))


def collect_provenance(run: Path, config: Any) -> dict[str, Any]:
    """Versions, settings and hashes of a run; the cohorts' and networks' own records are included whole."""
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "bifseg": __version__,
        "commit": _commit(),
        "session_code": session_code(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "packages": {name: version(name) for name in PACKAGES},
        "config": config,
        "cohorts": {path.parent.name: read_json(path) for path in sorted(run.glob("cohorts/*/cohort.json"))},
        "networks": {
            f"{path.parent.parent.name}/{path.parent.name}": read_json(path)
            for path in sorted(run.glob("networks/*/*/card.json"))
        },
        "scores_sha256": file_hash(run / "scores.parquet"),
    }


def _commit() -> str | None:
    """The commit of the working tree, with `-dirty` where it has changes; None outside of git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
