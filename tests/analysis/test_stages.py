import numpy as np
import pytest
from fake_run import scores

from bifseg.analysis.names import OWN_SCRIBBLES, TOOLS, data_note, method_label
from bifseg.analysis.stages import (
    adapted_rows,
    final_rows,
    in_step_order,
    initial_rows,
    replicates,
    results,
    stage_rows,
    training_seeds,
)

ABLATION = [
    ("a", "base-net", "initial", 0.80),
    ("b", "base-net", "initial", 0.60),
    ("a", "bifseg", "initial", 0.80),
    ("a", "bifseg", "unsupervised", 0.84),
    ("a", "bifseg", "round-1", 0.92),
    ("b", "bifseg", "initial", 0.60),
    ("b", "bifseg", "unsupervised", 0.70),
    ("b", "bifseg", "round-1", 0.0, {"status": "failed", "assd_mm": 50.0, "error": "round-1: boom"}),
]


def row(frame, **keys):
    """The one row with these values."""
    for key, value in keys.items():
        frame = frame[frame[key] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def test_steps_come_in_order():
    steps = ["round-10", "unsupervised", "round-2", "initial", "round-1"]
    rows = in_step_order(scores([("a", "bifseg", step, 0.5) for step in steps]))
    assert rows["step"].tolist() == ["initial", "unsupervised", "round-1", "round-2", "round-10"]


def test_unsupervised_is_the_last_result_before_scribbles():
    rows = stage_rows(scores(ABLATION), "unsupervised")
    steps = dict(zip(zip(rows["object"], rows["method"], strict=True), rows["step"], strict=True))
    assert steps == {
        ("a", "base-net"): "initial",
        ("b", "base-net"): "initial",
        ("a", "bifseg"): "unsupervised",
        ("b", "bifseg"): "unsupervised",
    }


def test_results_by_hand():
    result = row(results(stage_rows(scores(ABLATION), "unsupervised")), method="bifseg")
    assert result["dice_mean"] == pytest.approx(0.77)
    assert result["dice_std"] == pytest.approx(0.07 * np.sqrt(2))
    assert (result["n"], result["failed"]) == (2, 0)


@pytest.mark.parametrize("status", ["failed", "timeout"])
def test_failed_session_counts_with_its_worst_score(status):
    frame = scores(ABLATION)
    frame.loc[frame["status"] == "failed", "status"] = status
    result = row(results(stage_rows(frame, "supervised")), method="bifseg")
    assert result["dice_mean"] == pytest.approx(0.46)
    assert result["assd_mm_mean"] == pytest.approx(25.0)
    assert (result["n"], result["failed"]) == (2, 1)


def test_session_that_failed_in_its_first_step_counts_in_every_stage():
    frame = scores([("a", "bifseg", "initial", 0.0, {"status": "failed"})])
    for stage in ("initial", "unsupervised", "supervised"):
        assert row(results(stage_rows(frame, stage)), method="bifseg")["failed"] == 1


def test_stuck_session_has_a_result_and_is_not_failed():
    frame = scores([("a", "bifseg", "initial", 0.7, {"status": "stuck"})])
    assert row(results(stage_rows(frame, "initial")), method="bifseg")["failed"] == 0


def test_a_nan_makes_the_mean_nan():
    frame = scores([("a", "m", "initial", np.nan), ("b", "m", "initial", 0.9)])
    assert np.isnan(row(results(stage_rows(frame, "initial")), method="m")["dice_mean"])


def test_one_session_has_no_standard_deviation():
    result = row(results(stage_rows(scores([("a", "m", "initial", 0.9)]), "initial")), method="m")
    assert result["dice_mean"] == pytest.approx(0.9)
    assert np.isnan(result["dice_std"])


def test_sessions_of_two_protocols_are_not_counted_twice():
    lines = [("a", "bifseg", "initial", 0.8), ("a", "bifseg", "initial", 0.8, {"protocol": OWN_SCRIBBLES})]
    lines += [("a", "grabcut", "initial", 0.5, {"protocol": OWN_SCRIBBLES, "network": ""})]
    table = results(stage_rows(scores(lines), "initial"))
    assert table["n"].tolist() == [1, 1]


def test_results_before_scribbles_come_from_the_protocol_with_the_same_box_and_user():
    """A loose box comes before the others by name, and is another prompt."""
    lines = [("a", "bifseg", "initial", 0.8)]
    loose = {"protocol": "aa-loose", "box": "loose/1", "network": ""}
    own = {"protocol": "own-all", "network": ""}
    lines += [("a", name, "initial", 0.4, loose) for name in ("grabcut", "geos")]
    lines += [("a", "grabcut", "initial", 0.5, own)]
    dice = stage_rows(scores(lines), "initial").set_index("method")["dice"]
    assert dice.to_dict() == {"bifseg": 0.8, "grabcut": 0.5, "geos": 0.4}


def test_replicates_count_as_sessions():
    lines = [("a", "m", "initial", 0.2 * k, {"replicate": k}) for k in range(1, 4)]
    result = row(results(stage_rows(scores(lines), "initial")), method="m")
    assert (result["n"], result["dice_mean"]) == (3, pytest.approx(0.4))


def test_seen_structures_come_first():
    lines = [("a", "m", "initial", 0.5, {"structure": "zebra", "seen": True})]
    lines += [("b", "m", "initial", 0.9, {"structure": "ant", "seen": False})]
    table = results(stage_rows(scores(lines), "initial"))
    assert table[["structure", "dice_mean"]].to_numpy().tolist() == [["zebra", 0.5], ["ant", 0.9]]


def test_methods_come_in_the_order_of_the_paper_then_by_name():
    names = ["zz", "bifseg", "aa", "bifseg-w", "base-net", "base-crf"]
    table = results(stage_rows(scores([("a", name, "initial", 0.5) for name in names]), "initial"))
    assert table["method"].tolist() == ["base-net", "base-crf", "bifseg-w", "bifseg", "aa", "zz"]


def test_tools_follow_the_ablation_in_the_order_of_the_paper():
    names = ["aa", *TOOLS[::-1], "bifseg", "base-net"]
    table = results(stage_rows(scores([("a", name, "initial", 0.5) for name in names]), "initial"))
    assert table["method"].tolist() == ["base-net", "bifseg", *TOOLS, "aa"]


def test_initial_rows_leave_out_methods_that_start_from_the_base_net():
    lines = [*ABLATION, ("a", "grabcut", "initial", 0.5, {"network": ""})]
    lines += [("a", "plugin", "initial", 0.8), ("b", "plugin", "initial", 0.61)]
    lines += [("a", name, "initial", 0.7, {"network": "unet"}) for name in ("base-net", "base-crf")]
    counts = (
        initial_rows(stage_rows(scores(lines), "initial")).groupby(["method", "network"]).size().to_dict()
    )
    assert counts == {
        ("base-net", "pnet"): 2,
        ("base-net", "unet"): 1,
        ("grabcut", ""): 1,
        ("plugin", "pnet"): 2,
    }


NOTHING = {"network": "", "protocol": OWN_SCRIBBLES, "volume_ml": 0.0, "user_s": 0.0}


@pytest.mark.parametrize("stage", ["initial", "unsupervised"])
def test_a_tool_that_starts_from_scribbles_has_no_earlier_result(stage):
    lines = [*ABLATION, ("a", "geos", "initial", 0.0, NOTHING), ("b", "geos", "initial", 0.0, NOTHING)]
    assert set(stage_rows(scores(lines), stage)["method"]) == {"base-net", "bifseg"}


@pytest.mark.parametrize(
    "more", [{"volume_ml": 0.0, "status": "failed"}, {"volume_ml": 0.0}, {"user_s": 0.0}, {}]
)
def test_an_empty_or_failed_result_in_a_box_is_a_result(more):
    line = ("a", "grabcut", "initial", 0.0, {"network": "", **more})
    assert len(stage_rows(scores([line]), "initial")) == 1


def test_an_entry_stays_if_one_of_its_sessions_has_a_result():
    lines = [
        ("a", "tool", "initial", 0.0, NOTHING),
        ("b", "tool", "initial", 0.5, {**NOTHING, "volume_ml": 1}),
    ]
    assert len(stage_rows(scores(lines), "initial")) == 2


def test_adapted_rows_leave_out_entries_that_repeat_the_initial_result():
    lines = [*ABLATION, ("a", "grabcut", "initial", 0.5, {"network": ""})]
    lines += [("a", "base-net", "initial", 0.7, {"network": "fcn"})]
    lines += [("a", "base-net", "initial", 0.7, {"network": "unet"})]
    lines += [("a", "bifseg", "initial", 0.7, {"network": "unet", "protocol": OWN_SCRIBBLES})]
    lines += [("a", "plugin", "initial", 0.7, {"network": ""})]
    lines += [("a", "plugin", "unsupervised", 0.8, {"network": ""})]

    def entries(stage):
        rows = adapted_rows(stage_rows(scores(lines), stage), stage)
        return set(zip(rows["method"], rows["network"], strict=True))

    in_both_stages = {("base-net", "pnet"), ("bifseg", "pnet")}
    assert entries("unsupervised") == in_both_stages | {
        ("base-net", "unet"),
        ("bifseg", "unet"),
        ("plugin", ""),
    }
    assert entries("supervised") == in_both_stages | {("grabcut", ""), ("plugin", "")}


def test_a_method_that_failed_at_once_is_not_left_out():
    lines = [("a", "base-net", "initial", 0.5), ("a", "bifseg", "initial", 0.0, {"status": "failed"})]
    assert set(adapted_rows(stage_rows(scores(lines), "unsupervised"), "unsupervised")["method"]) == {
        "base-net",
        "bifseg",
    }


def test_final_rows_are_the_last_of_every_session_of_a_protocol():
    lines = [effort(0, 0.5), effort(1, 0.7), effort(2, 0.6), effort(0, 0.9, "b"), *ABLATION]
    rows = final_rows(scores(lines))
    assert rows[["object", "round", "dice", "user_s"]].to_numpy().tolist() == [
        ["a", 2, 0.6, 9.0],
        ["b", 0, 0.9, 7.0],
    ]
    assert final_rows(scores(ABLATION)).empty


def test_a_failed_session_has_the_largest_effort_of_all_sessions():
    lines = [effort(1, 0.7, status="failed"), effort(3, 0.6, "b"), effort(5, 0.6, "b", method="geos")]
    rows = final_rows(scores(lines)).set_index(["method", "object"])
    assert rows.loc[("bifseg", "a"), ["round", "n_strokes", "user_s"]].tolist() == [5, 10, 12.0]
    assert rows.loc[("bifseg", "b"), "round"] == 3


def test_results_of_other_measures():
    rows = final_rows(scores([effort(1, 0.7), effort(3, 0.6, "b")]))
    result = row(results(rows, ["user_s"]), method="bifseg")
    assert (result["user_s_mean"], result["user_s_std"]) == (9.0, pytest.approx(np.sqrt(2)))
    assert "dice_mean" not in result


def effort(number, dice, name="a", method="bifseg", **more):
    step = f"round-{number}" if number else "initial"
    spent = {
        "protocol": OWN_SCRIBBLES,
        "n_strokes": 2 * number,
        "n_scribble_voxels": 10 * number,
        "user_s": 7.0 + number,
    }
    return (name, method, step, dice, spent | more)


def test_replicates_by_hand():
    values = {"a": (0.6, 0.8), "b": (0.4, 0.4)}
    lines = [
        (name, "m", step, dice, {"replicate": k, "assd_mm": 10 * dice})
        for name, pair in values.items()
        for k, last in enumerate(pair)
        for step, dice in (("initial", 0.1), ("round-1", last))
    ]
    result = row(replicates(scores(lines)), measure="dice")
    # Within: 0.02 and 0, mean 0.01. Means 0.7 and 0.4: variance 0.045, of which replicates bring 0.01 / 2.
    assert (result["protocol"], result["n"], result["objects"], result["cases"]) == (
        "shared-scribbles",
        4,
        2,
        2,
    )
    assert result["replicate_std"] == pytest.approx(0.1)
    assert result["case_std"] == pytest.approx(0.2)
    assert result["replicate_share"] == pytest.approx(0.2)
    assert row(replicates(scores(lines)), measure="assd_mm")["case_std"] == pytest.approx(2.0)


def test_training_seeds_by_hand():
    values = {"a": (0.6, 0.8), "b": (0.3, 0.5)}  # one patient each
    lines = [
        (name, "m", "initial", dice, {"training_seed": k, "assd_mm": 1.0})
        for name, pair in values.items()
        for k, dice in enumerate(pair, start=1)
    ]
    result = row(training_seeds(scores(lines)), measure="dice")
    assert (result["n"], result["seeds"], result["objects"], result["patients"]) == (4, 2, 2, 2)
    # The seeds' means are 0.45 and 0.65. On an object the variance is 0.02, of the patients' means 0.7 and 0.4
    # it is 0.045, to which the seeds add nothing, since the second shifts both patients by 0.2.
    assert result["headline_std"] == pytest.approx(0.2 / np.sqrt(2))
    assert result["seed_std"] == pytest.approx(0.02**0.5)
    assert result["patient_std"] == pytest.approx(0.045**0.5)
    assert result["seed_share"] == pytest.approx(0.02 / 0.065)
    assert replicates(scores(lines)).empty


def test_what_seeds_do_to_each_object_widens_the_spread_of_patients():
    """Patients' means 0.6 and 0.5; without the seeds' means 0.5 and 0.6 each object has a variance of 0.02."""
    lines = [
        (name, "m", "initial", dice, {"training_seed": k})
        for name, pair in {"a": (0.45, 0.75), "b": (0.55, 0.45)}.items()
        for k, dice in enumerate(pair, start=1)
    ]
    result = row(training_seeds(scores(lines)), measure="dice")
    assert result["patient_std"] == pytest.approx(max(0.005 - 0.02 / 2, 0) ** 0.5)
    assert result["seed_std"] == pytest.approx(np.sqrt((0.3**2 + 0.1**2) / 2 / 2))


def test_training_seeds_are_not_replicates():
    lines = [
        ("a", "m", "initial", 0.1 * seed, {"training_seed": seed, "replicate": k})
        for seed in (1, 2, 3)
        for k in (0, 1)
    ]
    assert row(replicates(scores(lines)), measure="dice")["replicate_std"] == pytest.approx(0)
    assert row(training_seeds(scores(lines)), measure="dice")["seed_std"] == pytest.approx(0.1)


def test_networks_trained_once_have_no_spread_over_seeds():
    assert training_seeds(scores(ABLATION)).empty


def test_replicates_of_a_failed_session_count_with_the_worst_score():
    lines = [("a", "m", "initial", dice, {"replicate": k, "status": status})
             for k, (dice, status) in enumerate([(0.8, "ok"), (0.0, "failed")])]  # fmt: skip
    result = row(replicates(scores(lines)), measure="dice")
    assert (result["failed"], result["replicate_std"]) == (1, pytest.approx(0.8 / np.sqrt(2)))
    assert np.isnan(result["case_std"])


def test_without_replicates_the_table_is_empty():
    assert replicates(scores(ABLATION)).empty


@pytest.mark.parametrize(
    ("networks", "label"),
    [(["pnet", "pnet"], "bifseg"), (["pnet", ""], "bifseg"), (["pnet", "unet"], "bifseg@pnet")],
)
def test_label_names_the_network_where_several_compete(networks, label):
    assert method_label("bifseg", "pnet", networks) == label
    assert method_label("grabcut", "", networks) == "grabcut"


def test_data_note_counts_objects_cases_and_patients():
    frame = scores([("a", "m", "initial", 0.5), ("b", "m", "initial", 0.5)])
    frame["case"] = "one"
    suffix = ""
    assert (
        data_note(frame, "c", True)
        == f"Simulated cohort c, test split: 2 objects of 1 case of 2 patients.{suffix}"
    )
    frame["patient"] = "somebody"
    assert data_note(frame, "c", False) == f"Cohort c, test split: 2 objects of 1 case.{suffix}"
    many = scores([(f"{k}", "m", "initial", 0.5) for k in range(11)])
    assert data_note(many, "c", False) == "Cohort c, test split: 11 objects of 11 cases."
