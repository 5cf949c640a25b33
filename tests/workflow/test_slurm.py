"""The whole workflow on the SLURM cluster that is there: `pytest -m slurm`.

Without one of your own, as root: MINI_SLURM_MEM=9000 tests/workflow/mini-slurm.sh start
"""

import re

import pytest
import yaml
from project import ROOT, answer
from test_workflow import CONFIG, lay_out, snakemake

from bifseg.analysis.scores import read_scores

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(not answer("sinfo", "-h"), reason="no SLURM cluster answers here"),
]

RULES = ("prepare_cohort", "train_network", "plan_sessions", "run_sessions")
MINUTES = [f"{rule}:runtime=30" for rule in RULES]


def test_whole_workflow_runs_as_jobs_and_gives_the_rows_of_one_machine(tmp_path):
    """Planned shards of two processes, with a GPU each where the cluster has some."""
    folder = lay_out(tmp_path)
    gpus = "gpu" in answer("sinfo", "-h", "-o", "%G")
    entries = ["bifseg@pnet-tiny", "random-walks"]
    cohorts = {"tiny2d": {"networks": ["pnet-tiny"], "protocols": {"own-scribbles": entries}}}
    config = yaml.safe_load((ROOT / CONFIG).read_text()) | {"cohorts": cohorts}
    planned = {"shards": None, "job_minutes": 0.01, "workers": 2, "gpus_per_job": int(gpus)}
    (folder / "slurm.yaml").write_text(yaml.safe_dump(config | planned))
    (folder / "here.yaml").write_text(yaml.safe_dump(config | {"results": "here"}))
    done = snakemake(
        folder,
        *("--slurm-init-seconds-before-status-checks", "2", "--set-resources", *MINUTES),
        config="slurm.yaml",
        profile="slurm",
        timeout=1500,
    )
    assert done.returncode == 0, done.stdout
    (log,) = (folder / ".snakemake/log").glob("*.log")
    submitted = re.findall(r"has been submitted with SLURM jobid (\d+)", log.read_text())
    print(f"{len(submitted)} jobs submitted; {done.stdout.strip().splitlines()[-1]}")
    assert "submitted with SLURM" not in done.stdout
    assert re.search(r"^\d\d:\d\d:\d\d done: random-walks on tiny2d, own-scribbles: ", done.stdout, re.M)
    assert len(submitted) >= 12
    assert snakemake(folder, config="here.yaml").returncode == 0
    there, here = (read_scores(folder / place / "ci/scores.parquet") for place in ("results", "here"))
    costs = [name for name in here if name.endswith("_s") or name.startswith("peak_")]
    assert there.drop(columns=costs).equals(here.drop(columns=costs))
    assert (folder / "results/ci/report.html").stat().st_size > 0
