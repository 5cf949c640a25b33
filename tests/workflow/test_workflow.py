"""The real Snakefile: which sessions are played and replayed, and runs with failures."""

import json
import re
import shutil

import pandas as pd
import pytest
import torch
import yaml
from foreign_networks import SETTINGS, SmallUNet
from project import ROOT, copy_project, run_snakemake

from bifseg.analysis.scores import read_scores, unequal_scribbles
from bifseg.cards.run import checked_run
from bifseg.cohorts.cohort import Cohort
from bifseg.core.errors import InputError

pytestmark = pytest.mark.workflow

CONFIG = "tests/workflow/config.yaml"
CARDS = "tests/workflow/cards"
JOBS = {
    "prepare_cohort": 2,
    "train_network": 3,
    "run_sessions": 5,
    "collect_scores": 1,
    "write_results": 1,
    "all": 1,
    "total": 13,
}
GEOS = "method: geos\nplays: {dimensions: [2, 3], prompts: [scribbles]}\n"
FAILING = """
import numpy as np

class Failing:
    dimensions, prompts = frozenset({2}), frozenset({"box", "scribbles"})

    def start(self, image, box):
        return np.zeros(image.voxels.shape, bool)

    def refine(self, scribbles):
        raise RuntimeError("no luck")
"""


def lay_out(folder):
    """A copy of the project with the small cards of these tests."""
    return copy_project(folder, "config", CONFIG, CARDS)


def snakemake(folder, *words, config=CONFIG, **how):
    """Run snakemake in a folder; stdout holds all that it says."""
    return run_snakemake(folder, *words, config=config, **how)


def planned(folder):
    """Files of the run that snakemake would make or make anew."""
    process = snakemake(folder, "--summary")
    assert process.returncode == 0, process.stdout
    lines = [line.split("\t") for line in process.stdout.splitlines() if line.count("\t") > 3]
    output_column, plan = lines[0].index("output_file"), lines[0].index("plan")
    return {
        line[output_column].removeprefix("results/ci/") for line in lines[1:] if line[plan] != "no update"
    }


def times(folder):
    """When each file of the sessions, networks and cohorts was written."""
    kinds = ("sessions", "networks", "cohorts")
    return {p: p.stat().st_mtime_ns for kind in kinds for p in folder.glob(f"results/ci/{kind}/**/*.*")}


def add_method(folder, name, card):
    """Write a method card and have it played on the 2D cohort."""
    (folder / CARDS / f"methods/{name}.yaml").write_text(card)
    config = yaml.safe_load((folder / CONFIG).read_text())
    for entries in config["cohorts"]["tiny2d"]["protocols"].values():
        entries.append(name)
    (folder / CONFIG).write_text(yaml.safe_dump(config))


@pytest.fixture(scope="module")
def first_run(tmp_path_factory):
    """The project's folder and what snakemake said; a copy is kept beside it."""
    folder = lay_out(tmp_path_factory.mktemp("workflow") / "project")
    process = snakemake(folder)
    shutil.copytree(folder, folder.with_name("kept"))
    return folder, process


@pytest.fixture
def project(first_run):
    """The project as after its first run, restored at the same place before each test."""
    folder, process = first_run
    assert process.returncode == 0, process.stdout
    shutil.rmtree(folder)
    shutil.copytree(folder.with_name("kept"), folder)
    return folder


# Before any job


@pytest.fixture(scope="module")
def dry_run(tmp_path_factory):
    """The project's folder, and what snakemake would do there with a GPU for each job that can use one."""
    folder = lay_out(tmp_path_factory.mktemp("dry") / "project")
    process = snakemake(folder, "--dry-run", "--quiet", "host", "--config", "gpus_per_job=1")
    assert process.returncode == 0, process.stdout
    return folder, process.stdout


def test_jobs_of_tools_request_no_gpu(dry_run):
    jobs = [
        text for text in re.split(r"^rule ", dry_run[1], flags=re.MULTILINE) if text[:12] == "run_sessions"
    ]
    gpus = {re.search(r"group=([^,]+)", job)[1]: re.search(r"gpu=(\d)", job)[1] for job in jobs}
    assert gpus == {"tools": "0", "@pnet-tiny": "1", "@unet-tiny": "1", "@pcnet-tiny": "1"}


def counts_of_jobs(printed):
    """How many jobs of each rule a dry run lists."""
    return {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", printed, re.M)}


def test_dry_run_lists_all_rules(dry_run):
    folder, printed = dry_run
    assert JOBS.items() <= counts_of_jobs(printed).items()
    assert not (folder / "results").exists()


def test_dry_run_of_the_embedded_configuration(tmp_path):
    """A configuration of one's own takes the place of the embedded one, it is not mixed with it."""
    process = snakemake(lay_out(tmp_path), "--dry-run", config=None)
    assert process.returncode == 0, process.stdout
    assert {"prepare_cohort": 2, "total": 15}.items() <= counts_of_jobs(process.stdout).items()
    assert re.search(
        r"^expected on this machine:\n  train pcnet-demo on tumour3d: about \d+ ", process.stdout, re.M
    )
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"shard": 3}, "configuration: shard: unknown key; correct its name or remove it"),
        ({"shards": 0}, "configuration: shards: Input should be greater than 0 (is 0)"),
        (
            {"split": "tset"},
            "configuration: split: Input should be 'train', 'validation' or 'test' (is 'tset')",
        ),
        ({"cards": "nowhere"}, "nowhere/cohorts/tiny3d.yaml: cannot be read: No such file"),
    ],
)
def test_bad_configuration_is_refused(wrong, message):
    """By the function that the Snakefile calls before any rule; the next test starts it for real."""
    with pytest.raises(InputError) as refused:
        checked_run(yaml.safe_load((ROOT / CONFIG).read_text()) | wrong)
    assert message in str(refused.value)


def test_bad_configuration_stops_before_any_job(tmp_path):
    process = snakemake(lay_out(tmp_path), "--config", "split=tset")
    assert process.returncode != 0
    assert (
        "configuration: split: Input should be 'train', 'validation' or 'test' (is 'tset')" in process.stdout
    )
    assert len(process.stdout) < 1500
    assert not (tmp_path / "results").exists()


# The whole run


def test_run_ends_with_a_report(project):
    assert "<html" in (project / "results/ci/report.html").read_text()


def test_scores_hold_every_object_method_and_protocol(project):
    run = project / "results/ci"
    scores = read_scores(run / "scores.parquet")
    expected = {
        (cohort, row.object, protocol, *entry.partition("@")[::2])
        for cohort, experiment in yaml.safe_load((ROOT / CONFIG).read_text())["cohorts"].items()
        for row in Cohort.load(run / "cohorts" / cohort).select(split="test")
        for protocol, entries in experiment["protocols"].items()
        for entry in entries
    }
    key = ["cohort", "object", "protocol", "method", "network"]
    assert {tuple(row) for row in scores[scores["step"] == "initial"][key].to_numpy()} == expected
    assert set(scores["status"]) == {"ok"}
    assert scores["dice"].between(0, 1).all()
    assert {True, False} == set(scores["seen"])


def test_methods_get_the_same_scribbles(project):
    scores = read_scores(project / "results/ci/scores.parquet")
    shared = scores[(scores["protocol"] == "shared-scribbles") & (scores["step"] == "round-1")]
    assert len(shared) > 0
    assert unequal_scribbles(shared) == []


def test_base_networks_are_unchanged(project):
    checks = [
        json.loads(path.read_text()) for path in project.glob("results/ci/sessions/*/*/*/forgetting-*.json")
    ]
    assert len(checks) == 13  # entries with a network
    for check in checks:
        assert len(check["before"]) == 64
        assert check["before"] == check["after"]
    page = (project / "results/ci/tables/claims.md").read_text()
    assert "Unchanged networks: in 13 checks of 3 networks, the hash of all weights before" in page
    assert "sessions is equal in all." in page


# Again


def test_a_second_run_does_nothing(project):
    before = times(project)
    process = snakemake(project)
    assert process.returncode == 0
    assert "Nothing to be done" in process.stdout
    assert times(project) == before


def test_deleted_results_and_scores_are_made_again(project):
    """`bifseg retry` deletes the scores of jobs whose sessions it marks, and messages say to delete what is damaged."""
    scores = "scores/tiny2d/tools/shard-1.parquet"
    for name in (scores, "scores.csv"):
        (project / "results/ci" / name).unlink()
    assert {scores, "scores.csv", "report.html"} <= planned(project)


def test_planned_jobs_with_several_processes_give_the_same_rows(project):
    """Shards by a pilot, two processes each, in another folder; a job is shorter than any machine's session."""
    for kind in ("cohorts", "networks"):  # as the first run made them
        shutil.copytree(project / "results/ci" / kind / "tiny2d", project / "elsewhere/ci" / kind / "tiny2d")
    cohorts = {"tiny2d": {"networks": ["pnet-tiny"], "protocols": {"own-scribbles": ["bifseg@pnet-tiny"]}}}
    config = yaml.safe_load((ROOT / CONFIG).read_text()) | {"cohorts": cohorts, "results": "elsewhere"}
    config |= {"shards": None, "job_minutes": 1e-4, "workers": 2, "patients": 2}
    (project / "planned.yaml").write_text(yaml.safe_dump(config))
    process = snakemake(project, "--", "elsewhere/ci/scores.parquet", config="planned.yaml")
    assert process.returncode == 0, process.stdout
    old, new = (read_scores(project / place / "ci/scores.parquet") for place in ("results", "elsewhere"))
    costs = [name for name in old if name.endswith("_s") or name.startswith("peak_")]
    same_sessions = (old["cohort"] == "tiny2d") & (old["protocol"] == "own-scribbles")
    same_sessions &= (old["method"] == "bifseg") & old["patient"].isin(new["patient"])
    assert new["patient"].nunique() == 2
    assert new.drop(columns=costs).equals(old[same_sessions].drop(columns=costs).reset_index(drop=True))
    folder = project / "elsewhere/ci/sessions/tiny2d/own-scribbles/bifseg@pnet-tiny"
    assert len(list(folder.glob("shard-*.zip"))) > 1
    assert not list((folder / "unpacked").iterdir())
    again = snakemake(project, "--", "elsewhere/ci/scores.parquet", config="planned.yaml")
    assert "Nothing to be done" in again.stdout
    (project / "planned.yaml").write_text(yaml.safe_dump(config | {"replicates": 2}))
    assert re.search(r"plan_sessions +[12]", snakemake(project, "-n", config="planned.yaml").stdout)


RESULTS = {
    *(
        "scores.parquet",
        "scores.csv",
        "metrics.json",
        "tables",
        "figures",
        "provenance.json",
        "report.html",
        "history.jsonl",
    )
}


def of_group(group, *cohorts):
    """Scores of a group of entries, and the results that hang on them."""
    return RESULTS | {f"scores/{cohort}/{group}/shard-1.parquet" for cohort in cohorts}


def test_a_changed_method_card_replays_that_method_only(project):
    """Its group's job starts; it keeps the sessions of all other methods."""
    (project / CARDS / "methods/base-crf.yaml").write_text("method: base-crf\nsettings: {omega: 2.0}\n")
    assert planned(project) == of_group("@pnet-tiny", "tiny2d")
    before, part = times(project), "results/ci/scores/tiny2d/@pnet-tiny/shard-1.parquet"
    process = snakemake(project, "--", part)
    assert process.returncode == 0, process.stdout
    assert "90 kept, 30 ok\n" in (project / "results/ci/logs/sessions/tiny2d/@pnet-tiny-1.log").read_text()
    changed = {
        path for path, time in times(project).items() if before.get(path) != time and path.suffix == ".zip"
    }
    assert {path.parent.name for path in changed} == {"base-crf@pnet-tiny"}


def test_a_new_method_runs_alone(project):
    add_method(project, "failing", "method: failing:Failing\n")
    assert planned(project) == of_group("failing", "tiny2d")


def test_a_card_added_to_the_folder_runs_alone(project):
    """No configuration is touched: a pattern takes the new card in, where it can play."""
    config = yaml.safe_load((project / CONFIG).read_text())
    for experiment in config["cohorts"].values():
        experiment["protocols"]["own-scribbles"].append("geo*")
    (project / CONFIG).write_text(yaml.safe_dump(config))
    nobody = snakemake(project, "--dry-run")
    assert "protocols.own-scribbles: 'geo*' matches no method card" in nobody.stdout
    (project / CARDS / "methods/geos.yaml").write_text(GEOS)
    assert planned(project) == of_group("tools", "tiny2d", "tiny3d")


def test_a_new_metric_rescores_all_sessions_and_replays_none(project):
    shutil.copytree(ROOT / "bifseg", project / "bifseg")  # found first, as plug-ins are
    with (project / "bifseg/core/metrics/nsd.py").open("a") as metric:
        metric.write("\nNEW_METRIC = 1\n")
    run = project / "results/ci"
    scores = {path.relative_to(run).as_posix() for path in run.glob("scores/*/*/*.parquet")}
    assert len(scores) == JOBS["run_sessions"]
    assert planned(project) == RESULTS | scores


def test_entry_that_cannot_play_stops_before_any_job(tmp_path):
    project = lay_out(tmp_path)
    (project / CARDS / "methods/geos.yaml").write_text(GEOS)
    config = yaml.safe_load((project / CONFIG).read_text())
    config["cohorts"]["tiny2d"]["protocols"]["shared-scribbles"].append("geos")
    (project / CONFIG).write_text(yaml.safe_dump(config))
    process = snakemake(project)
    assert process.returncode != 0
    assert (
        "tiny2d.protocols.shared-scribbles: geos starts from scribbles and has no initial result"
        in process.stdout
    )
    assert not (tmp_path / "results").exists()


# The history


def test_finished_run_is_in_the_history(project):
    history = (project / "results/history.jsonl").read_text()
    entries = {tuple(json.loads(line)[key] for key in ("method", "network")) for line in history.splitlines()}
    assert len(entries) == history.count("\n") == 9
    assert (project / "results/ci/history.jsonl").read_text() == history


def test_a_failing_method_has_rows_and_the_run_a_report(project):
    before, old = times(project), read_scores(project / "results/ci/scores.parquet")
    history = project / "results/history.jsonl"
    lines = history.read_text().splitlines()
    (project / "failing.py").write_text(FAILING)
    add_method(project, "failing", "method: failing:Failing\n")
    process = snakemake(project)
    assert process.returncode == 0, process.stdout
    after = times(project)
    assert {path: after[path] for path in before} == before
    scores = read_scores(project / "results/ci/scores.parquet")
    failing = scores["method"] == "failing"
    assert scores[~failing].reset_index(drop=True).equals(old)
    failed = scores[failing & (scores["status"] == "failed")]
    objects = Cohort.load(project / "results/ci/cohorts/tiny2d").select(split="test")
    assert sorted(failed["object"]) == sorted(2 * [row.object for row in objects])
    assert set(failed["error"]) == {"round-1: RuntimeError: no luck"}
    assert (failed["dice"] == 0).all()
    assert "no luck" in (project / "results/ci/report.html").read_text()
    assert history.read_text().splitlines()[:9] == lines  # the others are in it once
    new = [json.loads(line) for line in history.read_text().splitlines()[9:]]
    assert [record["method"] for record in new] == ["failing"]
    assert all(result["failed"] == result["n"] for result in new[0]["results"])


def test_an_external_network_is_used_and_a_changed_one_used_again(project):
    """Its file is an input of the workflow: another one in its place is taken anew."""
    program, card = project / "my-net.ts", project / CARDS / "networks/my-net.yaml"
    torch.jit.save(torch.jit.script(SmallUNet().eval()), program)
    settings = SETTINGS | {"dimension": 2}
    own = {"architecture": "torchscript", "weights": program.name, "root": str(project), "input_size": 32}
    card.write_text(yaml.safe_dump(own | {"settings": settings}))
    config = yaml.safe_load((project / CONFIG).read_text())
    config["cohorts"]["tiny2d"]["protocols"]["own-scribbles"].append("bifseg@my-net")
    config["patients"] = 1
    (project / CONFIG).write_text(yaml.safe_dump(config))
    weights, scores = "networks/tiny2d/my-net/weights.pt", "scores/tiny2d/@my-net/shard-1.parquet"
    process = snakemake(project, "--", f"results/ci/{scores}")
    assert process.returncode == 0, process.stdout
    assert set(pd.read_parquet(project / "results/ci" / scores).status) == {"ok"}
    assert weights not in planned(project)
    torch.jit.save(torch.jit.script(SmallUNet(seed=1).eval()), program)
    assert {weights, scores} <= planned(project)
