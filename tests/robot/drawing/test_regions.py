import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from bifseg.robot.drawing.regions import (
    Patch,
    drawing_planes,
    errors_by_label,
    largest_patches,
    largest_regions,
    patch_through,
    patches_in,
    worst_slices,
)


@pytest.mark.parametrize(
    ("spacing", "planes"),
    [
        ((1.0, 1.0), [(0, 1)]),
        ((5.0, 1.0), [(0, 1)]),
        ((1.0, 1.0, 1.0), [(1, 2), (0, 2), (0, 1)]),
        ((1.9, 1.0, 1.0), [(1, 2), (0, 2), (0, 1)]),
        ((2.0, 1.0, 1.0), [(1, 2)]),
        ((6.5, 1.0, 1.0), [(1, 2)]),
        ((1.0, 1.0, 6.5), [(0, 1)]),
        ((6.0, 2.5, 1.0), [(0, 1)]),
    ],
)
def test_planes_that_a_person_draws_in(spacing, planes):
    assert drawing_planes(spacing) == planes


def _in_image(patch, shape):
    whole = np.zeros(shape, bool)
    whole[tuple(patch.to_image(np.argwhere(patch.mask)).T)] = True
    return whole


def test_two_dimensions_largest_region_first():
    wrong = np.zeros((20, 30), bool)
    wrong[1:4, 1:4] = True  # 9 pixels of 2 mm2
    wrong[10:14, 20:25] = True  # 20
    first, second = largest_patches(wrong, (1.0, 2.0), 5.0, most=5)
    assert (first.corner, first.axes, first.area_mm2) == ((10, 20), (0, 1), 40.0)
    assert (second.corner, second.area_mm2) == ((1, 1), 18.0)
    assert len(largest_patches(wrong, (1.0, 2.0), 5.0, most=1)) == 1
    assert len(largest_patches(wrong, (1.0, 2.0), 18.0, most=5)) == 2
    assert len(largest_patches(wrong, (1.0, 2.0), 18.1, most=5)) == 1


def test_corners_connect():
    assert [p.area_mm2 for p in largest_patches(np.eye(6, dtype=bool), (1.0, 1.0), 1.0, most=9)] == [6.0]
    diagonal = np.zeros((4, 4, 4), bool)
    diagonal[range(4), range(4), range(4)] = True
    assert len(largest_patches(diagonal, (1.0, 1.0, 1.0), 1.0, most=9)) == 1


def test_three_dimensions_the_worst_plane_in_mm2():
    wrong = np.zeros((12, 12, 12), bool)
    wrong[2:10, 3:9, 5:7] = True  # 6x2, 8x2 and 8x6 voxels across z, y and x
    assert largest_patches(wrong, (1.0, 1.0, 1.0), 1.0)[0].axes == (0, 1)
    # 1.2 mm wide planes: across z 6x2 voxels, across y 8x2, across x 8x6, all times their own spacings
    patch = largest_patches(wrong, (1.0, 1.5, 1.2), 1.0)[0]
    assert (patch.axes, patch.spacing, patch.area_mm2) == ((0, 1), (1.0, 1.5), 48 * 1.5)
    # thick slices: its own slices only; the middle one of eight equal slices
    thick = largest_patches(wrong, (6.5, 1.0, 1.0), 1.0)[0]
    assert (thick.axes, thick.corner, thick.area_mm2) == ((1, 2), (6, 3, 5), 12.0)


def test_a_worst_plane_is_by_area_and_not_by_voxels():
    wrong = np.zeros((12, 12, 12), bool)
    wrong[2:7, 2:8, 5] = True  # 30 voxels of 1 mm2 across x
    wrong[4, 2:8, 5:9] = True  # 24 voxels of 1.5 mm2 across z
    spacing = (1.0, 1.0, 1.5)
    assert largest_patches(wrong, spacing, 1.0)[0].axes == (1, 2)
    assert largest_patches(wrong, (1.0, 1.0, 1.0), 1.0)[0].axes == (0, 1)


def test_the_largest_piece_of_a_region_that_falls_apart_in_the_plane():
    horseshoe = np.zeros((5, 9, 20), bool)
    horseshoe[1, 2:6, 2:6] = True  # 16 voxels
    horseshoe[1, 2:7, 12:17] = True  # 25
    horseshoe[2, 3, 3:14] = True  # the bridge, in the next slice
    (patch,) = largest_patches(horseshoe, (6.5, 1.0, 1.0), 1.0, most=9)
    assert (patch.corner, patch.area_mm2) == ((1, 2, 12), 25.0)
    assert largest_patches(horseshoe, (6.5, 1.0, 1.0), 25.1) == []  # though the plane holds 41 mm2


@pytest.mark.parametrize("shape", [(5, 6), (4, 5, 6)])
def test_a_correct_result_has_no_regions(shape):
    assert largest_patches(np.zeros(shape, bool), (1.0,) * len(shape), 0.0) == []


def _areas_by_search(wrong, spacing):
    """Worst-plane area of each region, by looking at every plane of every orientation."""
    labels, n = ndimage.label(wrong, np.ones((3,) * wrong.ndim))
    worst = []
    for region in range(1, n + 1):
        areas = []
        for axes in drawing_planes(spacing):
            through = ({0, 1, 2} - set(axes)).pop()
            for index in range(wrong.shape[through]):
                plane = (labels == region).take(index, through)
                areas.append((plane.sum() * spacing[axes[0]] * spacing[axes[1]], plane))
        area = max(a for a, _ in areas)
        worst.append((area, {_largest_piece(plane) for a, plane in areas if a == area}))
    return sorted(worst, key=lambda pair: -pair[0])


def _largest_piece(plane):
    labels, n = ndimage.label(plane, np.ones((3, 3)))
    return max((int((labels == k).sum()) for k in range(1, n + 1)), default=0)


@given(
    wrong=arrays(bool, (5, 6, 7)),
    spacing=st.sampled_from([(1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (1.0, 1.25, 1.5), (1.0, 4.0, 9.0)]),
)
def test_agrees_with_a_search_of_every_plane(wrong, spacing):
    patches = largest_patches(wrong, spacing, 0.0, most=1000)
    reference = _areas_by_search(wrong, spacing)
    assert len(patches) == len(reference)
    for patch, (area, pieces) in zip(patches, reference, strict=True):
        assert _in_image(patch, wrong.shape)[~wrong].sum() == 0
        assert patch.area_mm2 <= area
        # regions of equal area may come in another order, so their pieces are pooled
        pooled = set().union(*(p for a, p in reference if a == area)) | pieces
        assert patch.mask.sum() in pooled


def test_a_patch_finds_its_place_in_the_image():
    patch = Patch(np.ones((1, 1), bool), (1.0, 1.0), (0, 2), (4, 5, 6))
    assert patch.to_image(np.array([[0.5, 1.25]])).tolist() == [[4.5, 5.0, 7.25]]
    assert patch.to_image(np.array([[0, 1]])).dtype == np.intp


def test_a_region_inside_the_box_of_another():
    wrong = np.zeros((24, 24), bool)
    wrong[2:22, 2:22] = True
    wrong[3:21, 3:21] = False  # a frame of 76 pixels
    wrong[5:19, 5:19] = True  # around a square of 196
    assert [p.area_mm2 for p in largest_patches(wrong, (1.0, 1.0), 1.0, most=2)] == [196.0, 76.0]


def test_mistakes_of_both_labels():
    truth, result = np.array([[1, 1, 0, 0]], bool), np.array([[1, 0, 1, 0]], bool)
    (missed, under), (leaked, over) = errors_by_label(truth, result, (1.0, 1.0))
    assert (missed, under.tolist()) == (True, [[False, True, False, False]])
    assert (leaked, over.tolist()) == (False, [[False, False, True, False]])
    assert largest_regions(np.zeros((3, 4), bool)) == []


@given(wrong=arrays(bool, (4, 5, 6)))
def test_regions_are_all_voxels_once_largest_first(wrong):
    regions = largest_regions(wrong)
    labels, n = ndimage.label(wrong, np.ones((3, 3, 3)))
    assert [len(r) for r in regions] == sorted((len(r) for r in regions), reverse=True)
    assert len(regions) == n
    assert all(len(set(labels[tuple(r.T)])) == 1 for r in regions)
    assert sorted(v for r in regions for v in r.tolist()) == np.argwhere(wrong).tolist()


def test_worst_slices_are_spread_over_the_orientations():
    wrong = np.zeros((20, 20, 20), bool)
    wrong[5:8, 2:18, 2:18] = True
    assert worst_slices(wrong, (1.0, 1.0, 1.0), 3) == [((1, 2), 5), ((0, 2), 2), ((0, 1), 2)]
    assert worst_slices(wrong, (6.5, 1.0, 1.0), 3) == [((1, 2), 5), ((1, 2), 6), ((1, 2), 7)]
    assert worst_slices(wrong[:, :, :1] & False, (6.5, 1.0, 1.0), 3) == []
    wrong[6:8] = False  # fewer where fewer show anything
    assert worst_slices(wrong, (6.5, 1.0, 1.0), 3) == [((1, 2), 5)]


def test_patches_of_one_slice_lie_where_they_are_in_the_image():
    wrong = np.zeros((6, 12, 14), bool)
    wrong[2:4, 3:8, 5] = True
    wrong[5, 3:8, 5] = True
    two = patches_in(wrong, (2.0, 1.0, 1.0), (0, 1), 5, 0.0, 9)
    assert [(p.axes, p.corner, p.area_mm2) for p in two] == [
        ((0, 1), (2, 3, 5), 20.0),
        ((0, 1), (5, 3, 5), 10.0),
    ]
    assert len(patches_in(wrong, (2.0, 1.0, 1.0), (0, 1), 5, 15.0, 9)) == 1


@given(wrong=arrays(bool, (4, 5, 6)).filter(lambda w: w.any()), pick=st.integers(0, 999))
def test_the_patch_through_a_voxel_holds_it_and_lies_in_its_region(wrong, pick):
    voxels = largest_regions(wrong)[0]
    voxel = voxels[pick % len(voxels)]
    for spacing in ((1.0, 1.0, 1.0), (6.5, 1.0, 1.0)):
        patch, place = patch_through(voxels, voxel, spacing)
        assert patch.mask[tuple(place)]
        assert patch.to_image(place[np.newaxis]).tolist() == [voxel.tolist()]
        assert {tuple(v) for v in patch.to_image(np.argwhere(patch.mask))} <= {tuple(v) for v in voxels}
        assert patch.axes in drawing_planes(spacing)
