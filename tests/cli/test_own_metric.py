"""The metric of docs/metrics.md reaches scores, tables and report by its name alone."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from command_line import bifseg
from fake_run import fake_cohort, fake_run

from bifseg.core.metrics import registry
from bifseg.sessions.archive import Archive

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
BLOCK = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)[1]
OWN = BLOCK.replace('"recall"', '"recall_of_cli"')


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "fake"
    fake_run(folder, [fake_cohort(folder / "cohorts" / "fake2d", patients=2)], rounds=1)
    for sessions in folder.glob("sessions/fake2d/*/*@*"):
        archive = Archive(sessions)
        archive.pack(archive.unpacked(), 1)
    return folder


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "metrics_of_cli.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    yield ["--metric", "metrics_of_cli:recall"]
    registry._described.clear()


def test_scores_tables_and_report_show_the_metric(run, own, tmp_path):
    (run / "scores.csv").unlink()
    parts = []
    for folder in sorted(run.glob("sessions/fake2d/*/*@*")):
        parts.append(tmp_path / folder.parent.name / f"{folder.name}.parquet")
        parts[-1].parent.mkdir(exist_ok=True)
        assert bifseg("score", folder, "--cohort", run / "cohorts/fake2d", "--out", parts[-1], *own) == 0
    assert bifseg("collect", *parts, "--out", run / "scores.parquet", *own) == 0
    scores = pd.read_parquet(run / "scores.parquet")
    assert scores.columns[-1] == "recall_of_cli"
    assert scores["recall_of_cli"].between(0, 1).all()
    assert (scores.loc[scores["status"] == "failed", "recall_of_cli"] == 0).all()
    registry._described.clear()  # as in another process, which never imports the user's module
    assert json.loads((run / "metrics.json").read_text())["metrics"][-1]["column"] == "recall_of_cli"
    for stage in ("tables", "figures", "report"):
        assert bifseg(stage, run) == 0
    assert "Recall (%)" in (run / "tables" / "fake2d-supervised.md").read_text()
    page = (run / "report.html").read_text()
    assert "Share of the truth that the result holds." in page
    assert page.count("Recall (%)") > 2


def test_a_metric_with_a_used_column_name_is_refused_at_once(run, tmp_path, monkeypatch, capsys):
    (tmp_path / "metrics_named_round.py").write_text(OWN.replace('"recall_of_cli"', '"round"'))
    monkeypatch.syspath_prepend(tmp_path)
    words = [
        "--cohort",
        run / "cohorts/fake2d",
        "--out",
        tmp_path / "out",
        "--metric",
        "metrics_named_round:recall",
    ]
    assert bifseg("score", next(run.glob("sessions/fake2d/*/*@*")), *words) == 2
    assert "metric round: scores have a column of this name" in capsys.readouterr().err
    registry._described.clear()
