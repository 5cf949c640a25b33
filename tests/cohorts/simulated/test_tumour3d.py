"""Simulated brain tumours: rules for their labels; thresholding must not segment them."""

from __future__ import annotations

import numpy as np
import pytest

from bifseg.cards.cards import CaseCounts
from bifseg.cohorts.intensity_band import best_band_dice, boxed
from bifseg.cohorts.simulated import tumour3d
from bifseg.cohorts.simulated.brain import random_brain, template
from bifseg.cohorts.simulated.tumour import CORE, OEDEMA, WHOLE, grow
from bifseg.core.images import read_array
from bifseg.core.seeds import generator


def grown(index, seed=1):
    rng = generator(seed, "tumour3d", index)
    brain = random_brain(rng)
    return brain, grow(rng, brain).labels


def test_written_cases_equal_generated_ones(tmp_path, tumours, read_rows):
    items = []

    def progress(work):
        for item in work:
            items.append(item)
            yield item

    tumour3d.simulate(CaseCounts(train=1, validation=1, test=1), 1, tmp_path, progress)
    assert len(items) == 3
    rows = read_rows(tmp_path)
    assert [(row["structure"], row["modality"], row["label_values"]) for row in rows[:2]] == [
        ("tumour_core", "t1c", "1,3,4"),
        ("whole_tumour", "flair", "1,2,3,4"),
    ]
    for row in rows:
        case = tumours[int(row["case"].split("-")[1])]
        voxels, grid = read_array(tmp_path / row["image"])
        labels, label_grid = read_array(tmp_path / row["label"])
        assert voxels.tobytes() == case.images[row["modality"]].tobytes()
        assert labels.tobytes() == case.labels.tobytes()
        assert grid == label_grid
        np.testing.assert_allclose(grid.spacing, case.grid.spacing, rtol=1e-6)
        np.testing.assert_allclose(grid.origin, case.grid.origin, atol=1e-3)
        np.testing.assert_allclose(grid.direction, case.grid.direction, atol=1e-5)


def test_a_case_depends_on_seed_and_number(tumours):
    other_case = tumour3d.make_case(2, 3)
    assert other_case.images["t1c"].tobytes() != tumours[3].images["t1c"].tobytes()
    assert other_case.labels.tobytes() != tumours[3].labels.tobytes()


def test_counts_change_only_the_split_of_a_case(tmp_path, read_rows, monkeypatch, tumours):
    calls = []
    monkeypatch.setattr(tumour3d, "make_case", lambda seed, index: calls.append((seed, index)) or tumours[0])
    tumour3d.simulate(CaseCounts(train=3, validation=1, test=2), 5, tmp_path)
    assert calls == [(5, index) for index in range(6)]
    rows = read_rows(tmp_path)[::2]
    assert [row["split"] for row in rows] == ["train"] * 3 + ["validation"] + ["test"] * 2
    assert len({row["group"] for row in rows}) == 6


@pytest.mark.parametrize("index", range(3))
def test_oedema_grows_along_white_matter_and_stays_out_of_fluid(offline, index):
    brain, labels = grown(index)
    oedema = labels == OEDEMA
    assert np.isin(labels, (0, *WHOLE)).all()
    assert not (labels > 0)[~brain.inside].any()
    assert brain.fluid[labels > 0].max() < 0.5
    assert brain.white[oedema].mean() > 0.5
    assert brain.white[oedema].mean() > 1.5 * brain.grey[oedema].mean()


def test_every_case_holds_core_and_oedema_on_int16_images_of_one_grid(tumours):
    for case in tumours:
        counts = np.bincount(case.labels.ravel(), minlength=5)
        assert counts[OEDEMA] > 30
        assert counts[list(CORE)].sum() > 30
        for voxels in case.images.values():
            assert voxels.dtype == np.int16
            assert voxels.shape == case.labels.shape == case.grid.shape
            assert (voxels[case.labels > 0] > 0).mean() > 0.99


def test_all_three_parts_of_the_core_occur(tumours):
    held = np.array([np.bincount(case.labels.ravel(), minlength=5)[1:] > 0 for case in tumours])
    assert held.any(axis=0).all()


def test_every_third_case_has_thick_slices_in_the_same_place(offline, tumours):
    straight = template()[1]
    for index, case in enumerate(tumours):
        thick = index % 3 == 2
        assert case.grid.spacing == ((6.0, 2.0, 2.0) if thick else (2.0, 2.0, 2.0))
        assert case.grid.shape[0] == (straight.shape[0] // 3 if thick else straight.shape[0])
        middle = case.grid.to_world((np.array(case.grid.shape) - 1) / 2)[0]
        assert np.abs(middle - straight.to_world((np.array(straight.shape) - 1) / 2)[0]).max() < 60


def test_the_template_is_in_icbm_space(offline):
    brain, grid = template()
    # The anterior commissure, the origin of ICBM space, lies within the brain, near its middle plane.
    z, y, x = np.round(grid.to_index(np.zeros(3))[0]).astype(int)
    assert brain.inside[z, y, x]
    columns = np.flatnonzero(brain.inside.any(axis=(0, 1)))
    assert abs(columns.mean() - x) < 1.5
    # In LPS the axes run to the left and back: the frontal pole is in front of (before) the occipital one,
    # and white matter reaches less far down in front (the cerebellum lies at the back).
    low = brain.inside[: len(brain.inside) // 6]
    assert low[:, y:].sum() > 3 * low[:, :y].sum()


def test_some_directions_are_oblique_and_some_are_not(tumours):
    straight = [np.allclose(case.grid.direction, np.eye(3)[::-1]) for case in tumours]
    assert any(straight)
    assert not all(straight)
    for case in tumours:
        turn = np.array(case.grid.direction)
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)


def test_tumour_radii_vary(offline):
    brain = random_brain(generator(1))
    voxels = [np.isin(grow(generator(index), brain).labels, CORE).sum() for index in range(12)]
    assert (max(voxels) / min(voxels)) ** (1 / 3) > 2.5


def test_thresholding_alone_does_not_segment_the_tumours(tumours):
    core = [best_band_dice(*boxed(case.images["t1c"], np.isin(case.labels, CORE))) for case in tumours]
    whole = [best_band_dice(*boxed(case.images["flair"], case.labels > 0)) for case in tumours]
    assert 0.30 < np.mean(core) < 0.52
    assert 0.60 < np.mean(whole) < 0.80
