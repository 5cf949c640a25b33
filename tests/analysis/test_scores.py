from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.scores import (
    COLUMNS,
    concatenate,
    failed_step,
    read_scores,
    score_session,
    to_frame,
    unequal_scribbles,
    without_mm,
    write_scores,
)
from bifseg.analysis.words import with_categories
from bifseg.core.geometry import Box, Grid
from bifseg.core.metrics import Worst, built_in, score
from bifseg.core.scribbles import Stroke
from bifseg.robot.effort import ASSUMED
from bifseg.sessions.record import Identity, Session, Step

DESIGN = """run cohort case patient object structure seen dimension split method network training_seed
protocol policy box user replicate disturbance level step round n_prompts n_strokes n_scribble_voxels n_slices
stroke_mm box_slices box_mm dice assd_mm assd_px hd95_mm nsd_2mm nsd volume_ml
obeyed n_undos robot_s network_s label_update_s machine_s
method_s user_s peak_rss_mb peak_gpu_mb confinement adaptation exposure status error
fingerprint seed commit weights_sha256"""
WHO = Identity(
    "demo", "fetal", "007", "007_lung_s3", "lung", False, 2, "test", "bifseg", "pnet", "own", "centre-line/1"
)
GRID = Grid.plain((20, 30), (2.0, 1.0))
BOX = Box((4, 5), (14, 25))
ROW = Stroke(True, np.array([[6.0, 8.0], [6.0, 11.0]]), np.array([[6, 8], [6, 9], [6, 10], [6, 11]]))
COLUMN = Stroke(False, np.array([[5.0, 9.0], [7.0, 9.0]]), np.array([[5, 9], [6, 9], [7, 9]]))


def truth() -> np.ndarray:
    mask = np.zeros(GRID.shape, bool)
    mask[6:12, 8:20] = True
    return mask


def result(rows: int, columns: int) -> np.ndarray:
    inside = np.zeros(BOX.shape, bool)
    inside[2 : 2 + rows, 3 : 3 + columns] = True
    return inside


def seconds(n: float) -> dict[str, float]:
    return {"robot": n, "network": 2 * n, "label_update": 3 * n, "machine": 10 * n}


STEPS = (
    Step("initial", (), result(4, 8), seconds(1.0)),
    Step("unsupervised", (), result(5, 8), seconds(0.5)),
    Step("round-1", (ROW,), result(6, 10), seconds(0.25)),
    Step("round-2", (COLUMN,), result(6, 12), seconds(0.125)),
)


def session(n_steps: int = 4, **changes) -> Session:
    identity = replace(WHO, **changes.pop("identity", {}))
    whole = Session(identity, GRID, BOX, STEPS[:n_steps], "rounds", peak_mb={"rss": 900.0, "gpu": 0.0})
    return replace(whole, **changes)


def failed(n_steps: int, error: str = "RuntimeError: no", status: str = "failed") -> Session:
    return session(n_steps, ended="failed", status=status, error=error)


def test_scores_have_these_columns():
    assert list(COLUMNS) == DESIGN.split()
    assert set(score_session(session(), truth(), "anna")[0]) == set(COLUMNS)


def test_rows_by_hand():
    rows = score_session(session(), truth(), "anna")
    assert [row["step"] for row in rows] == ["initial", "unsupervised", "round-1", "round-2"]
    assert [row["round"] for row in rows] == [0, 0, 1, 2]
    assert [row["dice"] for row in rows] == [2 * n / (n + 72) for n in (32, 40, 60, 72)]
    assert [row["volume_ml"] for row in rows] == pytest.approx([n * 0.002 for n in (32, 40, 60, 72)])
    assert all(row["status"] == "ok" and row["error"] == "" for row in rows)
    assert rows[3]["assd_mm"] == 0.0
    assert {key: rows[0][key] for key in asdict(WHO)} == asdict(WHO)
    assert rows[0]["peak_rss_mb"] == 900.0


def test_images_without_a_spacing_have_no_mm():
    in_mm = score_session(failed(1, "unsupervised: no"), truth(), "anna")
    rows = score_session(
        replace(failed(1, "unsupervised: no"), grid=replace(GRID, in_mm=False)), truth(), "anna"
    )
    for row, expected in zip(rows, in_mm, strict=True):
        empty = {key for key, value in row.items() if value != value and expected[key] == expected[key]}
        lengths = {"stroke_mm", "box_mm", "assd_mm", "hd95_mm", "nsd_2mm", "nsd"}
        assert empty == lengths | ({"volume_ml"} if expected["volume_ml"] else set())
        assert {key: row[key] for key in ("dice", "assd_px", "n_strokes", "user_s")} == {
            key: expected[key] for key in ("dice", "assd_px", "n_strokes", "user_s")
        }
    assert without_mm(to_frame(rows))
    assert not without_mm(to_frame(in_mm))
    assert not without_mm(to_frame([]))


def test_user_time_of_strokes_is_nan_without_a_spacing():
    rows = score_session(replace(session(), grid=replace(GRID, in_mm=False)), truth(), "anna")
    assert [row["user_s"] for row in rows[:2]] == [ASSUMED.box_s] * 2
    assert all(np.isnan(row["user_s"]) for row in rows[2:])


def test_effort_is_cumulative():
    rows = score_session(session(), truth(), "anna")
    assert [row["n_strokes"] for row in rows] == [0, 0, 1, 2]
    assert [row["n_prompts"] for row in rows] == [1, 1, 2, 3]  # the box counts 1
    assert {(row["box_slices"], row["box_mm"]) for row in rows} == {(1, 20.0)}  # 10 x 2 mm by 20 x 1 mm
    assert [row["n_scribble_voxels"] for row in rows] == [0, 0, 4, 6], "(6, 9) is painted twice, counted once"
    assert [row["stroke_mm"] for row in rows] == [0.0, 0.0, 3.0, 7.0]
    assert [row["robot_s"] for row in rows] == [1.0, 1.5, 1.75, 1.875]
    assert [row["network_s"] for row in rows] == [2.0, 3.0, 3.5, 3.75]
    assert [row["label_update_s"] for row in rows] == [3.0, 4.5, 5.25, 5.625]
    assert [row["machine_s"] for row in rows] == [10.0, 15.0, 17.5, 18.75]
    assert rows[0]["user_s"] == rows[1]["user_s"] == ASSUMED.box_s
    # two rounds: a look at the image, a stroke of 3 and of 4 mm, thrice as long on the screen
    rounds = 2 * (0.54 + 1.35 + 1.1 + 0.2 + 0.9) + 0.16 * (0.9 + 1.2)
    assert rows[3]["user_s"] == pytest.approx(ASSUMED.box_s + rounds)
    assert [row["n_slices"] for row in rows] == [0, 0, 1, 1]


def test_a_method_without_a_box_has_no_user_time_for_one():
    rows = score_session(session(box_drawn=False), truth(), "anna")
    assert rows[0]["user_s"] == 0.0
    assert rows[2]["user_s"] == pytest.approx(0.54 + 1.35 + 1.1 + 0.2 + 0.9 + 0.16 * 0.9)


@pytest.mark.parametrize("outside", [False, True])
def test_scores_are_the_metrics_on_the_whole_grid(outside):
    truth_mask = truth()
    truth_mask[0, 28] = outside  # one voxel far outside the box must count
    rows = score_session(session(), truth_mask, "anna")
    for row, step in zip(rows, STEPS, strict=True):
        whole = score(BOX.paste(step.mask, GRID.shape), truth_mask, GRID.spacing, Worst(1.0, 1.0))
        assert {metric.column: row[metric.column] for metric in built_in()} == whole
    assert (rows[3]["dice"] == 1.0) is not outside


def test_an_empty_result_gets_the_diagonal_of_the_box():
    empty = replace(session(1), steps=(replace(STEPS[0], mask=np.zeros(BOX.shape, bool)),))
    (row,) = score_session(empty, truth(), "anna")
    assert row["dice"] == row["nsd_2mm"] == row["volume_ml"] == 0.0
    assert row["assd_mm"] == row["hd95_mm"] == pytest.approx(np.hypot(20, 20))
    assert row["assd_px"] == pytest.approx(np.hypot(10, 20))
    assert row["status"] == "ok", "an empty result is a result"


def test_the_worst_distance_covers_truth_outside_the_box():
    truth_mask = truth()
    truth_mask[0, 29] = True
    row = score_session(failed(0), truth_mask, "anna")[0]
    assert row["assd_px"] == pytest.approx(np.hypot(14, 25)), "rows 0 to 13, columns 5 to 29"


@pytest.mark.parametrize(
    ("n_steps", "name", "round_"),
    [(0, "initial", 0), (1, "unsupervised", 0), (2, "round-1", 1), (4, "round-3", 3)],
)
@pytest.mark.parametrize("status", ["failed", "timeout"])
def test_a_failure_adds_one_row_with_the_worst_scores(n_steps, name, round_, status):
    rows = score_session(failed(n_steps, status=status), truth(), "anna")
    assert rows[:-1] == score_session(session(n_steps), truth(), "anna")
    last = rows[-1]
    assert (last["step"], last["round"], last["status"]) == (name, round_, status)
    assert last["error"] == "RuntimeError: no"
    assert last["dice"] == last["nsd_2mm"] == last["volume_ml"] == 0.0
    assert last["assd_mm"] == last["hd95_mm"] == pytest.approx(np.hypot(20, 20))
    assert last["n_strokes"] == max(0, n_steps - 2), "what was spent before stays spent"
    assert last["machine_s"] == sum(step.seconds["machine"] for step in STEPS[:n_steps])


def test_a_failure_scores_zero_dice_on_an_empty_truth_too():
    (row,) = score_session(failed(0), np.zeros(GRID.shape, bool), "anna")
    assert row["dice"] == 0.0


def test_the_error_names_the_step_that_failed():
    assert failed_step(failed(1, "round-1: RuntimeError: no")) == "round-1"
    assert failed_step(failed(0, "unsupervised methods: no")) == "initial"
    assert failed_step(failed(3, "round-1: no")) == "round-2", "round-1 has its result"


def test_a_stuck_session_keeps_its_last_result():
    stuck = session(3, status="stuck", error="the same strokes again")
    rows = score_session(stuck, truth(), "anna")
    assert [row["status"] for row in rows] == ["ok", "ok", "stuck"]
    assert rows[2]["error"] == "the same strokes again"
    assert rows[2]["dice"] == score_session(session(3), truth(), "anna")[2]["dice"]


def test_truth_must_be_on_the_grid():
    with pytest.raises(ValueError, match=r"\(20, 29\) is not on the object's grid \(20, 30\)"):
        score_session(session(), truth()[:, 1:], "anna")


def test_in_three_dimensions():
    grid = Grid.plain((6, 20, 30), (3.0, 2.0, 1.0))
    box = Box((1, 4, 5), (4, 14, 25))
    truth_mask = np.zeros(grid.shape, bool)
    truth_mask[1:4, 6:12, 8:20] = True
    mask = np.stack([result(6, 12)] * 3)
    volume_session = replace(
        session(1), grid=grid, box=box, steps=(Step("initial", (), mask, {}),), peak_mb={}
    )
    (row,) = score_session(volume_session, truth_mask, "anna")
    assert row["dice"] == row["nsd_2mm"] == 1.0
    assert row["volume_ml"] == pytest.approx(3 * 72 * 6 / 1000)
    assert row["machine_s"] == 0.0
    assert np.isnan(row["peak_rss_mb"])


def frame_of(*methods: str, **changes) -> pd.DataFrame:
    return to_frame(
        row
        for m in methods
        for row in score_session(session(identity={"method": m}, **changes), truth(), "anna")
    )


def test_frame_has_the_columns_and_types():
    frame = frame_of("bifseg")
    assert list(frame.columns) == list(COLUMNS)
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == COLUMNS
    assert to_frame([]).dtypes.equals(frame.dtypes)
    with pytest.raises(ValueError, match=r"wrong columns: \['dice'\]"):
        to_frame([{key: value for key, value in frame.iloc[0].items() if key != "dice"}])


def test_the_order_of_sessions_and_parts_does_not_matter():
    rows = [
        row for m in ("b", "a") for row in score_session(session(identity={"method": m}), truth(), "anna")
    ]
    whole = to_frame(rows)
    assert whole["method"].tolist() == ["a"] * 4 + ["b"] * 4
    assert whole["step"].tolist()[:4] == ["initial", "unsupervised", "round-1", "round-2"]
    pd.testing.assert_frame_equal(to_frame(reversed(rows)), whole)
    parts = [frame_of("a"), to_frame([]), frame_of("b")]
    pd.testing.assert_frame_equal(concatenate(parts), whole)
    pd.testing.assert_frame_equal(concatenate(parts[::-1]), whole)
    pd.testing.assert_frame_equal(concatenate([]), to_frame([]))


def test_rounds_sort_by_number():
    steps = tuple(replace(STEPS[2], name=f"round-{n}") for n in (1, 2, 9, 10, 11))
    frame = to_frame(reversed(score_session(replace(session(), steps=steps), truth(), "anna")))
    assert frame["round"].tolist() == [1, 2, 9, 10, 11]


def test_the_same_step_twice_is_refused():
    with pytest.raises(ValueError, match="step initial of 007_lung_s3 by a twice"):
        concatenate([frame_of("a"), frame_of("a")])


@pytest.mark.parametrize("name", ["grabcut-1.0", "grabcut-1.0.parquet"])
def test_written_scores_come_back(tmp_path, name):
    frame = concatenate(
        [frame_of("a"), to_frame(score_session(replace(failed(1), peak_mb={}), truth(), "anna"))]
    )
    write_scores(frame, tmp_path / "new" / name)
    pd.testing.assert_frame_equal(read_scores(tmp_path / "new" / name), frame)
    pd.testing.assert_frame_equal(
        read_scores(tmp_path / "new" / name, categorical=True), with_categories(frame)
    )
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["grabcut-1.0.csv", "grabcut-1.0.parquet"]
    lines = (tmp_path / "new" / "grabcut-1.0.csv").read_text().splitlines()
    assert lines[0].split(",") == list(COLUMNS)
    assert lines[1].startswith("demo,fetal,007,anna,007_lung_s3,lung,False,2,test,a,pnet,1,own,")
    assert len(lines) == 1 + len(frame)


def test_training_seeds_of_one_card_share_its_network_name():
    names = ("pnet", "pnet.seed-2", "pnet.seed-10")
    sessions = [replace(session(), identity=replace(WHO, network=name)) for name in names]
    frame = to_frame([row for one in sessions for row in score_session(one, truth(), "anna")])
    assert set(frame["network"]) == {"pnet"}
    assert frame.groupby("training_seed").size().to_dict() == {1: 4, 2: 4, 10: 4}


def test_scores_of_an_older_version_have_prompts_but_no_box_size(tmp_path):
    frame = frame_of("a", "b")
    frame.loc[frame["method"] == "b", "user_s"] -= ASSUMED.box_s  # begins with scribbles
    newer_columns = ["n_prompts", "box_slices", "box_mm", "training_seed"]
    frame.drop(columns=newer_columns).to_parquet(tmp_path / "old.parquet")
    frame_read = read_scores(tmp_path / "old.parquet")
    assert set(frame_read["training_seed"]) == {1}
    assert frame_read["n_prompts"].tolist() == [1, 1, 2, 3, 0, 0, 1, 2]
    assert frame_read[["box_slices", "box_mm"]].isna().all(axis=None)
    pd.testing.assert_frame_equal(
        read_scores(tmp_path / "old.parquet", categorical=True), with_categories(frame_read)
    )
    assert StoppingRule(10, None).limits(frame_read)["user_s"].isna().all()


def test_equal_scores_are_equal_files(tmp_path):
    for name, parts in (("one", ("a", "b")), ("two", ("b", "a"))):
        write_scores(concatenate([frame_of(m) for m in parts]), tmp_path / name)
    for kind in ("csv", "parquet"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()


def test_objects_with_unequal_scribbles_are_named():
    assert unequal_scribbles(to_frame([])) == []
    same = frame_of("base-net", "bifseg")
    assert unequal_scribbles(same) == []
    steps = (*STEPS[:2], replace(STEPS[2], strokes=(COLUMN,)))
    different = to_frame(score_session(session(identity={"method": "crf"}, steps=steps), truth(), "anna"))
    assert unequal_scribbles(concatenate([same, different])) == ["007_lung_s3"]
    # another network starts from another result, and so do tools without one
    assert unequal_scribbles(concatenate([same, different.assign(network="unet")])) == []
    assert unequal_scribbles(concatenate([same.assign(network=""), different.assign(network="")])) == []


def test_a_failure_in_round_one_does_not_count_as_unequal_scribbles():
    broken = replace(failed(2), identity=replace(WHO, method="crf"))
    rows = to_frame(score_session(broken, truth(), "anna"))
    assert rows["step"].tolist()[-1] == "round-1"
    assert unequal_scribbles(concatenate([frame_of("bifseg"), rows])) == []
