"""Two fake runs of one cohort: in the second, a method is worse on purpose; everything else is equal."""

import fake_run
import pytest

from bifseg.analysis.scores import read_scores, write_scores
from bifseg.core.files import write_json


def play(folder, worse=False):
    """A fake run of which nothing but the skill of `bifseg` and the date depends on `worse`."""
    with pytest.MonkeyPatch.context() as patch:
        if worse:
            patch.setitem(fake_run.SKILL, "bifseg", 0.02)
        cohort = fake_run.fake_cohort(folder / "cohorts" / "fake2d")
        fake_run.fake_run(folder, [cohort], rounds=2, tools=("geos",))
    facts = {**fake_run.PROVENANCE, "config": {"seed": 1}, "written": f"2026-01-0{1 + worse}T03:04:05+00:00"}
    write_json(folder / "provenance.json", facts)
    return folder


def rescore(run, change):
    """Write a run's scores anew, changed by a function of the frame."""
    write_scores(change(read_scores(run / "scores.parquet")), run / "scores.parquet")
