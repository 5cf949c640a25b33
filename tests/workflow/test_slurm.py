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


def test_jobs_of_the_whole_workflow_give_the_rows_of_one_machine(tmp_path):
    """Planned shards of two processes, with a GPU each where the cluster has some."""
    folder = lay_out(tmp_path)
    gpus = "gpu" in answer("sinfo", "-h", "-o", "%G")
    entries = ["bifseg@pnet-tiny", "random-walks"]
    cohorts = {"tiny2d": {"networks": ["pnet-tiny"], "protocols": {"own-scribbles": entries}}}
    config = yaml.safe_load((ROOT / CONFIG).read_text()) | {"cohorts": cohorts}
    planned = {"shards": None, "job_minutes": 1e-4, "workers": 2, "gpus_per_job": int(gpus)}
    (folder / "slurm.yaml").write_text(yaml.safe_dump(config | planned))
    (folder / "here.yaml").write_text(yaml.safe_dump(config | {"results": "here"}))
    process = snakemake(
        folder,
        *("--slurm-init-seconds-before-status-checks", "2", "--set-resources", *MINUTES),
        config="slurm.yaml",
        profile="slurm",
        timeout=1500,
    )
    assert process.returncode == 0, process.stdout
    (log,) = (folder / ".snakemake/log").glob("*.log")
    submitted = re.findall(r"has been submitted with SLURM jobid (\d+)", log.read_text())
    print(f"{len(submitted)} jobs submitted; {process.stdout.strip().splitlines()[-1]}")
    assert "submitted with SLURM" not in process.stdout
    assert re.search(r"^\d\d:\d\d:\d\d done: random-walks on tiny2d, own-scribbles: ", process.stdout, re.M)
    shards = list(folder.glob("results/ci/scores/*/*/shard-*.parquet"))
    assert len(shards) > 2  # as many as this machine needs for its two groups of sessions
    assert len(submitted) == len(shards) + 6  # cohort, network, two plans, scores, results
    assert snakemake(folder, config="here.yaml").returncode == 0
    cluster_scores, local_scores = (
        read_scores(folder / place / "ci/scores.parquet") for place in ("results", "here")
    )
    costs = [name for name in local_scores if name.endswith("_s") or name.startswith("peak_")]
    assert cluster_scores.drop(columns=costs).equals(local_scores.drop(columns=costs))
    assert (folder / "results/ci/report.html").stat().st_size > 0
