"""Metrics are plug-ins: one file in the package or one module named in the configuration adds a metric."""

import json

import numpy as np
import pytest

from bifseg.core import metrics
from bifseg.core.errors import InputError
from bifseg.core.metrics import MaskPair, Metric, MetricInfo, mask_pair, metric, score, with_own
from bifseg.core.metrics.registry import built_in

OWN = """
from bifseg.core.metrics import MaskPair, metric

@metric(
    name="Recall", column="recall", unit="share", better="higher", range=(0, 1),
    empty_truth=0, empty_result=0, both_empty=1,
    definition="Share of the truth that the result holds.", source="Maier-Hein et al., 2024",
)
def recall(pair: MaskPair) -> float:
    return (pair.result & pair.truth).sum() / pair.truth.sum()

not_a_metric = 3
"""


def masks():
    truth = np.zeros((12, 14), bool)
    truth[2:9, 3:11] = True
    result = np.zeros_like(truth)
    result[4:9, 3:9] = True
    return result, truth


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    (tmp_path / "own_metrics_of_a_test.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    return "own_metrics_of_a_test"


def make(**changes):
    described = {
        "name": "Thing",
        "column": "thing",
        "unit": "",
        "better": "higher",
        "range": (0, 1),
        "empty_truth": 0,
        "empty_result": 0,
        "both_empty": 1,
        "definition": "A thing.",
        "source": "nobody",
    }
    return metric(**described | changes)


def test_a_module_of_the_user_adds_a_column(own_module):
    own = with_own([f"{own_module}:recall"])
    assert own[:-1] == built_in()
    result, truth = masks()
    assert score(result, truth, (1.0, 1.0), metrics=own)["recall"] == 30 / 56
    assert score(np.zeros_like(truth), truth, (1.0, 1.0), metrics=own)["recall"] == 0
    assert metrics.known()["recall"].header == "Recall (%)"


def test_a_file_in_the_folder_adds_a_column(tmp_path, monkeypatch):
    """One new file is enough; the registry lists the folder."""
    (tmp_path / "recall.py").write_text(OWN)
    monkeypatch.setattr(metrics, "__path__", [*metrics.__path__, str(tmp_path)])
    built_in.cache_clear()
    try:
        assert "recall" in score(*masks(), (1.0, 1.0))
    finally:
        monkeypatch.undo()
        built_in.cache_clear()
    assert "recall" not in score(*masks(), (1.0, 1.0))


def test_metrics_come_in_one_order():
    assert [m.column for m in built_in()] == ["dice", "assd_mm", "assd_px", "hd95_mm", "nsd_2mm", "nsd"]


def test_every_metric_is_described():
    for one in built_in():
        assert one.definition.endswith(".")
        assert one.source
        assert one.name


@pytest.mark.parametrize(("spacing", "transforms"), [((1.0, 1.0), 2), ((2.0, 1.0), 4)])
def test_surface_distances_are_computed_once_for_a_pair(monkeypatch, spacing, transforms):
    calls = []
    original = mask_pair.distance_transform_edt
    monkeypatch.setattr(
        mask_pair, "distance_transform_edt", lambda *a, **k: calls.append(1) or original(*a, **k)
    )
    score(*masks(), spacing)
    assert len(calls) == transforms


def test_nsd_uses_the_tolerance_of_the_structure():
    result, truth = np.zeros((2, 3, 20), bool)
    result[1, 2:9] = truth[1, 2] = True
    scores = score(result, truth, (1.0, 1.0), tolerance_mm=3.0)
    assert scores["nsd"] == 5 / 8
    assert scores["nsd_2mm"] == 4 / 8, "nsd_2mm always uses 2 mm"
    assert score(result, truth, (1.0, 1.0))["nsd"] == 4 / 8, "the default tolerance is 2 mm"


def test_a_description_goes_through_json():
    for one in built_in():
        again = MetricInfo.from_record(json.loads(json.dumps(one.to_record(), allow_nan=False)))
        assert again.to_record() == one.to_record()
        assert again.header == one.header
        assert again.range == one.range


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("recall", "write it as module:attribute"),
        ("no_such_module_of_mine:recall", "cannot be imported.*is it on BIFSEG_PATH"),
        ("{module}:precision", "cannot be imported"),
        ("{module}:not_a_metric", "is not a metric"),
        (":recall", "cannot be imported"),
        ("fails_at_import_of_a_test:recall", "cannot be imported: ZeroDivisionError"),
    ],
)
def test_an_unknown_metric_name_is_refused(own_module, name, words, tmp_path, monkeypatch):
    (tmp_path / "fails_at_import_of_a_test.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=words):
        with_own([name.format(module=own_module)])


def test_a_second_metric_with_the_same_column_is_refused(tmp_path, monkeypatch):
    (tmp_path / "twice_of_a_test.py").write_text(OWN.replace('column="recall"', 'column="dice"'))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="column 'dice'"):
        with_own(["twice_of_a_test:recall"])
    assert metrics.known()["dice"].name == "Dice"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"column": "My Metric"}, "lower-case"),
        ({"better": "up"}, "'higher' or 'lower'"),
        ({"empty_truth": "worst"}, "'worst' is a distance"),
        ({"both_empty": 2}, "outside its range"),
    ],
)
def test_a_contradictory_description_is_refused(changes, words):
    with pytest.raises(InputError, match=words):
        make(**changes)(lambda pair: 0.5)


@pytest.mark.parametrize(
    ("value", "words"), [(1.5, "outside its range"), (float("nan"), "outside its range"), ("x", "ValueError")]
)
def test_a_metric_that_returns_an_invalid_value_is_named(value, words):
    wrong = make()(lambda pair: value)
    with pytest.raises(InputError, match=f"thing: .*{words}"):
        score(*masks(), (1.0, 1.0), metrics=[wrong])


def test_a_metric_gets_masks_that_are_cropped_and_not_empty():
    pairs: list[MaskPair] = []

    def measure(pair: MaskPair) -> float:
        pairs.append(pair)
        return 0.5

    one: Metric = make()(measure)
    result, truth = masks()
    score(result, truth, (1.0, 1.0), metrics=[one])
    score(np.zeros_like(result), truth, (1.0, 1.0), metrics=[one])
    assert [pair.truth.shape for pair in pairs] == [(7, 8)]


def test_label_maps_are_refused_as_masks():
    labels = np.ones((3, 3), int)
    with pytest.raises(ValueError, match="bool arrays"):
        score(labels, labels > 0, (1.0, 1.0))
