"""Lesion metrics on masks whose values can be counted by hand."""

import numpy as np
import pytest

from bifseg.core.lesion_metrics import (
    Lesions,
    lesion_f1,
    lesion_f1_iou50,
    lesion_fn_ml,
    lesion_fp_ml,
    lesion_recall,
    recall_by_volume,
)
from bifseg.core.metrics import score

SPACING = (2.0, 10.0, 10.0)  # a voxel is 0.2 ml
ALL = (lesion_f1, lesion_f1_iou50, lesion_recall, lesion_fp_ml, lesion_fn_ml)


def mask(*boxes):
    array = np.zeros((4, 20, 20), bool)
    for box in boxes:
        array[tuple(slice(a, b) for a, b in box)] = True
    return array


LARGE = ((0, 2), (0, 5), (0, 5))  # 50 voxels, 10 ml
SMALL = ((0, 1), (10, 12), (10, 12))  # 4 voxels, 0.8 ml
MIDDLE = ((2, 4), (14, 17), (0, 4))  # 24 voxels, 4.8 ml
TRUTH = mask(LARGE, SMALL, MIDDLE)


def measure(result, truth=TRUTH):
    return score(result, truth, SPACING, metrics=ALL)


def test_a_perfect_result():
    assert measure(TRUTH) == {
        "lesion_f1": 1.0, "lesion_f1_iou50": 1.0, "lesion_recall": 1.0, "lesion_fp_ml": 0.0, "lesion_fn_ml": 0.0,
    }  # fmt: skip


def test_one_of_three_found_by_a_voxel_and_one_false_component():
    result = mask(((0, 1), (0, 1), (0, 1)), ((3, 4), (18, 20), (18, 20)))
    assert measure(result) == pytest.approx(
        {
            "lesion_f1": 2 / (2 + 1 + 2),  # TP 1, FP 1, FN 2
            "lesion_f1_iou50": 0.0,  # IoU 1/50
            "lesion_recall": 1 / 3,
            "lesion_fp_ml": 4 * 0.2,
            "lesion_fn_ml": (4 + 24) * 0.2,
        }
    )


def test_one_component_over_two_lesions_finds_both_and_matches_one():
    bridge = mask(LARGE, SMALL, ((0, 1), (5, 11), (4, 11)))
    values = measure(bridge, mask(LARGE, SMALL))
    assert values["lesion_f1"] == pytest.approx(2 * 2 / (2 + 2 + 0))
    assert values["lesion_f1_iou50"] == pytest.approx(2 * (50 / bridge.sum() > 0.5) / (2 + 1))


def test_an_iou_of_one_half_is_not_a_match():
    half = mask(((0, 1), (0, 5), (0, 5)))
    assert measure(half, mask(LARGE))["lesion_f1_iou50"] == 0.0
    more = mask(((0, 1), (0, 5), (0, 5)), ((1, 2), (0, 1), (0, 1)))
    assert measure(more, mask(LARGE))["lesion_f1_iou50"] == 1.0


def test_diagonal_neighbours_are_one_lesion():
    truth = mask(((0, 1), (0, 1), (0, 1)), ((1, 2), (1, 2), (1, 2)))
    assert Lesions.of(truth, truth).truth_voxels.tolist() == [2]


def test_an_empty_result_misses_all_volume():
    nothing = measure(np.zeros_like(TRUTH))
    assert nothing["lesion_fn_ml"] == pytest.approx(78 * 0.2)
    assert (nothing["lesion_f1"], nothing["lesion_recall"], nothing["lesion_fp_ml"]) == (0, 0, 0)


def test_an_empty_truth_makes_all_volume_false_positive():
    values = measure(TRUTH, np.zeros_like(TRUTH))
    assert values["lesion_fp_ml"] == pytest.approx(78 * 0.2)
    assert (values["lesion_f1"], values["lesion_recall"], values["lesion_fn_ml"]) == (0, 1, 0)


def test_recall_by_volume():
    result = mask(((0, 1), (0, 1), (0, 1)), SMALL)
    assert recall_by_volume(result, TRUTH, SPACING) == [(1, 1), (0, 1), (1, 1)]  # 0.8, 4.8 and 10 ml
    assert recall_by_volume(result, TRUTH, SPACING, ()) == [(2, 3)]


def test_lesion_metrics_in_2d():
    truth = np.zeros((10, 10), bool)
    truth[0:2, 0:2] = truth[5:7, 5:7] = True
    result = np.zeros_like(truth)
    result[0, 0] = True
    values = score(result, truth, (1.0, 1.0), metrics=ALL)
    assert values["lesion_recall"] == 0.5
    assert values["lesion_fn_ml"] == pytest.approx(0.004)
