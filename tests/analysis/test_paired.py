import numpy as np
import pandas as pd
import pytest
from fake_run import scores
from scipy import stats

from bifseg.analysis.paired import compare, main_network, rankings
from bifseg.analysis.stages import stage_rows

BASE = ("base-net", "pnet")


def rows(**entries):
    """Initial rows: Dice of objects a, b, c, ... by method."""
    lines = [
        (name, method.replace("_", "-"), "initial", dice)
        for method, values in entries.items()
        for name, dice in zip("abcdefghijkl", values, strict=False)
    ]
    return stage_rows(scores(lines), "initial")


def test_main_network_is_that_of_most_methods():
    lines = [("a", "base-net", "initial", 0.5, {"network": name}) for name in ("unet", "fcn", "pnet")]
    lines += [("a", "bifseg", "initial", 0.5, {"network": name}) for name in ("unet", "pnet")]
    lines += [("a", name, "initial", 0.5, {"network": ""}) for name in ("geos", "grabcut", "growcut")]
    assert main_network(scores(lines)) == "pnet"  # of two with as many, the first by name
    assert main_network(scores(lines[5:])) == ""
    assert main_network(scores([])) == ""


def test_difference_is_entry_minus_reference_by_hand():
    comparisons = compare(rows(base_net=[0.5, 0.6, 0.7], bifseg=[0.6, 0.8, 1.0]), BASE)
    assert comparisons[["seen", "structure", "method", "network"]].to_numpy().tolist() == [
        [False, "lung", "bifseg", "pnet"]
    ]
    comparison = comparisons.iloc[0]
    assert (comparison["n"], comparison["patients"], comparison["failed"]) == (3, 3, 0)
    assert comparison["difference_mean"] == pytest.approx(0.2)
    interval = stats.ttest_1samp([0.1, 0.2, 0.3], 0).confidence_interval()  # three patients: Student's t
    assert (comparison["difference_low"], comparison["difference_high"]) == pytest.approx(tuple(interval))
    assert comparison["effect"] == pytest.approx(2.0)
    assert comparison["t_p"] == pytest.approx(stats.ttest_rel([0.6, 0.8, 1.0], [0.5, 0.6, 0.7]).pvalue)
    assert comparison["wilcoxon_p"] == pytest.approx(0.25)
    assert comparison["holm_p"] == pytest.approx(0.25)


def test_comparisons_have_these_columns():
    comparisons = compare(rows(base_net=[0.5, 0.6], bifseg=[0.6, 0.8]), BASE)
    assert comparisons.columns.tolist() == [
        *("seen", "structure", "method", "network", "n", "patients", "failed"),
        *("difference_mean", "difference_low", "difference_high"),
        *("effect", "t_p", "wilcoxon_p", "holm_p"),
    ]


def test_holm_is_over_the_entries_of_a_structure():
    base = np.linspace(0.3, 0.6, 8)
    near = base + np.array([1, -1, 1, -1, 1, -1, 1, 2]) / 100
    lung = rows(base_net=base, bifseg=base + np.arange(1, 9) / 100, geos=near)
    comparisons = compare(lung, BASE).set_index("method")
    assert comparisons.loc["bifseg", "wilcoxon_p"] == pytest.approx(2 / 256)
    assert comparisons.loc["bifseg", "holm_p"] == pytest.approx(4 / 256)
    brain = lung[lung["method"] != "geos"].assign(structure="brain", seen=True)
    both = compare(pd.concat([lung, brain]), BASE).set_index(["structure", "method"])
    assert both.loc[("lung", "bifseg"), "holm_p"] == pytest.approx(4 / 256)
    assert both.loc[("brain", "bifseg"), "holm_p"] == pytest.approx(2 / 256)
    assert both.index[0] == ("brain", "bifseg")  # seen first


def test_each_network_of_a_method_is_an_entry():
    lines = [("a", "base-net", "initial", 0.5), ("b", "base-net", "initial", 0.6)]
    lines += [(name, "base-net", "initial", 0.4, {"network": "unet"}) for name in "ab"]
    lines += [(name, "grabcut", "initial", 0.7, {"network": ""}) for name in "ab"]
    comparisons = compare(stage_rows(scores(lines), "initial"), BASE)
    assert list(zip(comparisons["method"], comparisons["network"], strict=True)) == [
        ("base-net", "unet"),
        ("grabcut", ""),
    ]
    assert comparisons["difference_mean"].tolist() == pytest.approx([-0.15, 0.15])


def test_a_pair_has_one_object_and_one_replicate():
    lines = [("a", "base-net", "initial", 0.1 * k, {"replicate": k}) for k in (1, 2)]
    lines += [("a", "bifseg", "initial", 0.3 * k, {"replicate": k}) for k in (2, 1, 3)]
    comparison = compare(stage_rows(scores(lines), "initial"), BASE).iloc[0]
    assert (comparison["n"], comparison["patients"]) == (1, 1)
    assert comparison["difference_mean"] == pytest.approx((0.2 + 0.4) / 2)


def test_replicates_do_not_make_a_small_p():
    lines = [
        (name, method, "initial", dice + 0.001 * k, {"replicate": k})
        for k in range(20)
        for name, gain in (("a", 0.1), ("b", 0.2), ("c", 0.4))
        for method, dice in (("base-net", 0.5), ("bifseg", 0.5 + gain))
    ]
    once = compare(stage_rows(scores([line for line in lines if line[4]["replicate"] == 0]), "initial"), BASE)
    replicated = compare(stage_rows(scores(lines), "initial"), BASE)
    assert replicated["n"].tolist() == [3]
    assert replicated["t_p"].iloc[0] == pytest.approx(once["t_p"].iloc[0])


def test_an_entry_is_its_mean_over_training_seeds():
    """The base net has the same seeds; the tool was played once."""
    base, gain = {"a": 0.5, "b": 0.6, "c": 0.4}, {1: 0.1, 2: 0.3}
    lines = [
        (name, "base-net", "initial", dice, {"training_seed": k}) for name, dice in base.items() for k in gain
    ]
    lines += [
        (name, "bifseg", "initial", dice + gain[k], {"training_seed": k})
        for name, dice in base.items()
        for k in gain
    ]
    lines += [(name, "geos", "initial", dice + 0.15, {"network": ""}) for name, dice in base.items()]
    comparisons = compare(stage_rows(scores(lines), "initial"), BASE).set_index("method")
    assert comparisons["n"].to_dict() == {"bifseg": 3, "geos": 3}
    assert comparisons["difference_mean"].to_dict() == pytest.approx({"bifseg": 0.2, "geos": 0.15})
    ranks = rankings(stage_rows(scores(lines), "initial")).set_index("method")
    assert ranks["rank"].to_dict() == {"base-net": 3, "bifseg": 1, "geos": 2}


def test_seeds_do_not_make_a_small_p():
    lines = [
        (name, method, "initial", dice, {"training_seed": k})
        for k in range(1, 11)
        for name, gain in (("a", 0.1), ("b", 0.2), ("c", 0.4))
        for method, dice in (("base-net", 0.5), ("bifseg", 0.5 + gain))
    ]
    one_seed, ten_seeds = (
        compare(
            stage_rows(scores([line for line in lines if line[4]["training_seed"] <= most]), "initial"), BASE
        )
        for most in (1, 10)
    )
    pd.testing.assert_frame_equal(one_seed, ten_seeds)


def test_one_failed_seed_fails_the_pair():
    lines = [("a", "base-net", "initial", 0.5, {"training_seed": k}) for k in (1, 2)]
    lines += [("a", "bifseg", "initial", 0.7, {"training_seed": 1})]
    lines += [("a", "bifseg", "initial", 0.0, {"training_seed": 2, "status": "failed"})]
    comparison = compare(stage_rows(scores(lines), "initial"), BASE).iloc[0]
    assert (comparison["failed"], comparison["difference_mean"]) == (1, pytest.approx(-0.15))


def test_a_nan_of_one_replicate_makes_the_mean_nan():
    lines = [("a", "base-net", "initial", 0.5, {"replicate": k}) for k in (0, 1)]
    lines += [("a", "bifseg", "initial", dice, {"replicate": k}) for k, dice in enumerate((0.7, np.nan))]
    assert np.isnan(compare(stage_rows(scores(lines), "initial"), BASE)["difference_mean"].iloc[0])


def test_a_failure_of_either_counts_in_the_pair():
    lines = [("a", "base-net", "initial", 0.5), ("b", "base-net", "initial", 0.0, {"status": "timeout"})]
    lines += [("a", "bifseg", "initial", 0.0, {"status": "failed"}), ("b", "bifseg", "initial", 0.4)]
    lines += [("c", "base-net", "initial", 0.5), ("c", "bifseg", "initial", 0.5, {"status": "stuck"})]
    comparison = compare(stage_rows(scores(lines), "initial"), BASE).iloc[0]
    assert (comparison["n"], comparison["failed"]) == (3, 2)
    assert comparison["difference_mean"] == pytest.approx((-0.5 + 0.4) / 3)


def test_an_entry_without_a_common_object_has_a_row_without_numbers():
    lines = [("a", "base-net", "initial", 0.5), ("b", "bifseg", "initial", 0.5)]
    comparison = compare(stage_rows(scores(lines), "initial"), BASE).iloc[0]
    assert (comparison["method"], comparison["n"], comparison["patients"]) == ("bifseg", 0, 0)
    assert np.isnan([comparison["difference_mean"], comparison["t_p"], comparison["holm_p"]]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_non_finite_measure_stays_in_the_mean_and_gives_no_test(bad):
    frame = rows(base_net=[0.5, 0.6, 0.7], bifseg=[0.6, 0.8, 1.0])
    frame["assd_mm"] = [1.0, 2.0, 3.0, 1.0, bad, 2.0]
    comparison = compare(frame, BASE, "assd_mm").iloc[0]
    assert comparison["n"] == 3
    assert comparison["difference_mean"] == pytest.approx(bad, nan_ok=True)
    assert np.isnan([comparison["t_p"], comparison["wilcoxon_p"], comparison["holm_p"]]).all()


def test_without_reference_or_entry_the_table_is_empty():
    assert compare(rows(bifseg=[0.5]), BASE).empty
    assert compare(rows(base_net=[0.5]), BASE).empty
    assert compare(rows(), BASE).empty


def test_intervals_do_not_depend_on_other_entries():
    values = {"base_net": [0.1, 0.5, 0.4], "bifseg": [0.4, 0.6, 0.2]}
    alone = compare(rows(**values), BASE).iloc[0]
    among_others = compare(rows(geos=[0.1, 0.2, 0.3], **values), BASE).set_index("method").loc["bifseg"]
    assert (alone["difference_low"], alone["difference_high"]) == (
        among_others["difference_low"],
        among_others["difference_high"],
    )


UP = np.arange(8) / 100


def ranking(frame, measure="dice"):
    ranks = rankings(frame, measure).set_index("method")
    return {method: (one["rank"], one["group"]) for method, one in ranks.iterrows()}


def test_ranking_by_hand():
    frame = rows(
        base_net=UP, bifseg=UP + 0.5, geos=UP + 0.5 + np.tile([0.004, -0.003], 4), growcut=UP + 0.2 + UP
    )
    assert ranking(frame) == {"base-net": (4, "c"), "bifseg": (2, "a"), "geos": (1, "a"), "growcut": (3, "b")}


@pytest.mark.parametrize("one", [0.5, -0.85])
def test_a_mean_that_one_patient_turns_shows_no_difference(one):
    """Eleven of twelve patients are a little on the other side, which the signed ranks find significant."""
    differences = np.array([one] + [-np.sign(one) * 0.02] * 11)
    up = np.linspace(0.88, 0.9, 12)
    frame = rows(base_net=up - differences, bifseg=up)
    assert compare(frame, BASE)["holm_p"].item() < 0.05
    assert {group for _, group in ranking(frame).values()} == {"a"}
    assert ranking(rows(base_net=up - abs(differences), bifseg=up))["base-net"] == (2, "b")


def test_small_distances_and_times_rank_first():
    frame = rows(base_net=[0.5] * 6, bifseg=[0.5] * 6)
    frame["assd_mm"] = [1.0] * 6 + [2.0, 2.0, 2.0, 2.0, 1.0, 1.1]
    assert ranking(frame, "assd_mm") == {"base-net": (1, "a"), "bifseg": (2, "a")}
    assert ranking(frame) == {"base-net": (1, "a"), "bifseg": (1, "a")}


def test_a_mean_that_is_nan_has_no_rank():
    ranks = ranking(rows(base_net=[0.5] * 6 + [np.nan], bifseg=[0.5] * 6 + [0.6]))
    assert ranks["bifseg"] == (1, "a")
    assert np.isnan(ranks["base-net"][0])


def test_objects_of_one_patient_give_no_groups():
    frame = rows(base_net=UP, bifseg=UP + 0.5).assign(patient="one")
    assert {group for _, group in ranking(frame).values()} == {""}


@pytest.mark.parametrize(("patients", "least"), [(6, 3 * 2 / 64), (7, 3 * 2 / 128)])
def test_groups_are_named_if_the_design_allows_a_significant_pair(patients, least):
    """Three entries are three pairs; six patients allow no corrected p-value below 0.05, seven do."""
    up = np.linspace(0.1, 0.2, patients)
    ranks = rankings(rows(base_net=up, bifseg=up + 0.5, geos=up + 0.2))
    assert ranks["least_p"].tolist() == pytest.approx([least] * 3)
    assert ranks["group"].tolist() == (["c", "a", "b"] if least < 0.05 else [""] * 3)
    assert ranks["rank"].tolist() == [3, 1, 2]


def test_ranking_of_nothing_is_empty():
    assert rankings(rows()).empty
