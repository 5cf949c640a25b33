"""Jobs at levels of a disturbance: the same image for all entries, level 0 as without, and replays of neither."""

from pathlib import Path

import numpy as np
import pytest

import bifseg as bs
from bifseg.analysis.scores import score_session, to_frame, write_scores
from bifseg.cards.cards import MethodCard, ProtocolCard
from bifseg.core.errors import InputError
from bifseg.core.files import write_json, write_record
from bifseg.runs.fingerprints import entry_definitions
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.replay import recorded_rules
from bifseg.sessions.archive import Archive
from bifseg.sessions.game import play

RULES = {"rounds": 1, "target": None}


def setup(cohort, axis="", level=0, method="grabcut"):
    disturb = {"disturb": {"axis": axis, "levels": [level]}} if axis else {}
    card = MethodCard(method=method)
    return JobSetup("r", 1, cohort, "p", ProtocolCard(**RULES, **disturb), Path(f"{method}.yaml"), card)


def test_entries_of_a_job_share_the_disturbed_image(discs):
    objects = list(discs.select(split="test"))[:2]
    grabcut, geos = setup(discs, "image-noise", 4), setup(discs, "image-noise", 4, method="geos")
    for trial in grabcut.trials(objects):
        image = grabcut.user(trial).image
        assert geos.user(trial).image is image  # so that they share features and initial results
        assert not np.array_equal(image.voxels, discs.image(grabcut.rows[trial.object]).voxels)
        assert np.array_equal(grabcut.user(trial).truth, discs.truth(grabcut.rows[trial.object]))


def test_disturbances_do_not_depend_on_the_order_of_sessions(discs):
    trials = setup(discs).trials(list(discs.select(split="test")))
    job = setup(discs, "image-noise", 4)
    forwards = [job.user(trial).image.voxels for trial in trials]
    backwards = [job.user(trial).image.voxels for trial in trials[::-1]]
    for first, second in zip(forwards, backwards[::-1], strict=True):
        assert np.array_equal(first, second)


@pytest.mark.parametrize("axis", ["box-shift", "image-noise"])
def test_level_0_equals_an_undisturbed_session(discs, axis):
    plain, level_0 = setup(discs), setup(discs, axis)
    for trial in plain.trials(list(discs.select(split="test"))):
        assert level_0.user(trial).image is plain.user(trial).image
        assert level_0.user(trial).box() == plain.user(trial).box()
    assert (level_0.identity(trial).disturbance, level_0.identity(trial).level) == (axis, 0)


def test_each_level_has_its_own_session_fingerprint(discs):
    jobs = [setup(discs), *(setup(discs, "box-shift", level) for level in (0, 4))]
    trial = jobs[0].trials(list(discs.select(split="test")))[0]
    assert len({job.fingerprint(trial) for job in jobs}) == 3


def test_a_session_s_code_includes_its_axis_of_disturbance_only():
    moved = ProtocolCard(disturb={"axis": "box-shift", "levels": [4]})
    names = {reference.name for reference in entry_definitions("geos", moved)}
    plain = {reference.name for reference in entry_definitions("geos", ProtocolCard())}
    assert "shifted" in names
    assert not {"grown", "crossing", "noisy"} & names
    assert not {"shifted", "crossing", "noisy"} & plain


def test_disturbed_sessions_are_not_replayed(tmp_path):
    write_json(tmp_path / "protocol.json", {"disturb": {"axis": "image-blur", "levels": [4]}})
    with pytest.raises(InputError, match=r"were disturbed \(image-blur\)"):
        recorded_rules(tmp_path)
    write_json(tmp_path / "protocol.json", {"begin": "box", "disturb": {"axis": "image-blur", "levels": [0]}})
    assert recorded_rules(tmp_path) == {"begin": "box"}


class Empty:
    dimensions, prompts = frozenset({2, 3}), frozenset({"box"})

    def start(self, image, box):
        return np.zeros(image.voxels.shape, bool)


def test_a_stored_session_is_shown_on_the_image_that_its_method_saw(discs, tmp_path):
    job, row = setup(discs, "image-noise", 4), discs.select(split="test")[0]
    (trial,) = job.trials([row])
    session = play(job.user(trial), Empty(), identity=job.identity(trial))
    folder = tmp_path / "sessions/discs/p/grabcut"
    Archive(folder).save(trial.session, session, discs.whole_grid(row), row.plane)
    write_record(folder / "protocol.json", job.rules())
    (tmp_path / "cohorts").mkdir()
    (tmp_path / "cohorts/discs").symlink_to(discs.folder)
    write_json(tmp_path / "config.json", {"seed": job.seed})
    write_scores(to_frame(score_session(session, discs.truth(row), row.group)), tmp_path / "scores.parquet")
    run = bs.read_run(tmp_path)
    assert np.array_equal(run.session(run.scores.iloc[0]).image.voxels, job.user(trial).image.voxels)
