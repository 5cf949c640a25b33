"""The provenance of a run's results: versions, settings and hashes."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bifseg import __version__
from bifseg.core.files import file_hash, read_record, write_record
from bifseg.core.machine import machines
from bifseg.runs.fingerprints import session_code

_PACKAGES = (
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
    """Write RUN/provenance.json: versions, settings and hashes, and the records of cohorts and networks.

    Args:
        run: the folder RESULTS/RUN, with its scores.
        config: the run's configuration, as JSON can hold it.
    """
    write_record(run / "provenance.json", _provenance(run, config))


def _provenance(run: Path, config: Any) -> dict[str, Any]:
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "bifseg": __version__,
        "commit": commit(),
        "session_code": session_code(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "machines": machines(run),
        "packages": {name: version(name) for name in _PACKAGES},
        "config": config,
        "cohorts": {
            path.parent.name: read_record(path) for path in sorted(run.glob("cohorts/*/cohort.json"))
        },
        "networks": {
            f"{path.parent.parent.name}/{path.parent.name}": read_record(path)
            for path in sorted(run.glob("networks/*/*/card.json"))
        },
        "scores_sha256": file_hash(run / "scores.parquet"),
    }


def commit() -> str | None:
    """The commit of the working tree.

    Returns:
        12 digits, with `-dirty` if the tree has changes; None outside of git.
    """
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        process = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return process.stdout.strip()
