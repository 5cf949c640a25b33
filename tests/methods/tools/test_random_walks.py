"""Random Walks against Grady's linear system, solved densely."""

from functools import partial

import numpy as np
import pytest
import strokes_by_hand
from pydantic import ValidationError
from scipy.ndimage import gaussian_filter
from scipy.sparse.linalg import spsolve
from strokes_by_hand import image_of, stroke, whole

from bifseg.core.scribbles import Scribbles
from bifseg.methods.tools.random_walks import _MOST_DIRECT, RandomWalks
from bifseg.methods.tools.window import Window

answer = partial(strokes_by_hand.answer, RandomWalks)


def dense_probability(values, beta, labels):
    """L_free x = -B (foreground scribbles), with L built edge by edge."""
    nodes = np.arange(values.size).reshape(values.shape)
    laplacian = np.zeros((values.size, values.size))
    for axis in range(values.ndim):
        for a, b in zip(
            nodes.take(range(values.shape[axis] - 1), axis).ravel(),
            nodes.take(range(1, values.shape[axis]), axis).ravel(),
            strict=True,
        ):
            weight = np.exp(-beta * (float(values.flat[a]) - float(values.flat[b])) ** 2)
            laplacian[[a, b], [b, a]] -= weight
            laplacian[[a, b], [a, b]] += weight
    free = labels.ravel() == 0
    x = (labels.ravel() == 1).astype(float)
    x[free] = np.linalg.solve(laplacian[np.ix_(free, free)], -laplacian[np.ix_(free, ~free)] @ x[~free])
    return x.reshape(values.shape)


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((9, 8), (1.0, 1.0)), ((8, 9), (3.0, 0.7)), ((4, 6, 5), (1, 1, 1)), ((4, 5, 6), (4, 2, 2))],
)
def test_probability_is_gradys(shape, spacing):
    rng = np.random.default_rng(7)
    image = image_of(rng.random(shape), spacing)
    voxels = rng.permutation(list(np.ndindex(shape)))
    scribbles = Scribbles(shape, (stroke(True, *voxels[:3]), stroke(False, *voxels[3:7])))
    expected = dense_probability(Window(image, whole(image)).intensity, 20.0, scribbles.label_map())
    method = RandomWalks(beta=20.0, tolerance=1e-6)
    method.start(image, whole(image))
    np.testing.assert_allclose(method._probability(scribbles.label_map()), expected, atol=1e-4)
    np.testing.assert_array_equal(method.refine(scribbles), expected >= 0.5)


def test_a_border_across_thick_slices_holds():
    """A step between slices of 6 mm is as much of a border as one between columns of 1 mm."""
    voxels = np.zeros((8, 6, 6))
    voxels[3:] = 1
    voxels += np.random.default_rng(4).normal(0, 0.02, voxels.shape)
    scribbles = Scribbles(voxels.shape, (stroke(True, (7, 3, 3)), stroke(False, (0, 3, 3))))
    for spacing in [(1, 1, 1), (6, 1, 1)]:
        np.testing.assert_array_equal(answer(image_of(voxels, spacing), scribbles, beta=10.0), voxels > 0.5)


@pytest.mark.parametrize("shape", [(12, 16), (6, 8, 16)])
def test_two_flat_regions_split_at_the_edge(shape):
    voxels = np.zeros(shape)
    voxels[..., 5:] = 1
    middle = tuple(n // 2 for n in shape[:-1])
    scribbles = Scribbles(shape, (stroke(True, (*middle, 15)), stroke(False, (*middle, 0))))
    np.testing.assert_array_equal(answer(image_of(voxels), scribbles, beta=10.0), voxels == 1)


def test_scribble_inside_a_scribble_keeps_its_label():
    """A seed shut in by its own kind has no free neighbour."""
    voxels = np.random.default_rng(8).random((9, 9))
    ring = [(y, x) for y in range(2, 5) for x in range(2, 5)]
    scribbles = Scribbles((9, 9), (stroke(True, *ring), stroke(False, (3, 3)), stroke(False, (8, 8))))
    result = answer(image_of(voxels), scribbles)
    assert result[2:5, 2:5].sum() == 8
    assert not result[3, 3]


@pytest.mark.parametrize("case", ["flat", "all drawn"])
def test_nothing_to_solve_gives_what_was_drawn(case):
    voxels = np.zeros((2, 3)) if case == "flat" else np.random.default_rng(1).random((2, 3))
    background = [(0, 2)] if case == "flat" else [(0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    scribbles = Scribbles((2, 3), (stroke(True, (0, 0)), stroke(False, *background)))
    assert np.argwhere(answer(image_of(voxels), scribbles)).tolist() == [[0, 0]]


@pytest.mark.parametrize("bad", [{"beta": -1}, {"tolerance": 0}, {"mode": "cg"}])
def test_wrong_settings_are_refused(bad):
    with pytest.raises(ValidationError, match=next(iter(bad))):
        RandomWalks(**bad)


def blob_with_spots(shape):
    """A blob with bright spots of several voxels, in it and around it, weak noise, and scribbles of both labels."""
    rng = np.random.default_rng(3)
    middle = (np.array(shape) - 1) / 2
    radius = np.sqrt(
        sum(((g - c) / (0.3 * n)) ** 2 for g, c, n in zip(np.indices(shape), middle, shape, strict=True))
    )
    voxels = np.where(radius < 1, 0.55, 0.2)
    spots = gaussian_filter(rng.normal(size=shape), 1.2)
    voxels[spots > np.quantile(spots, 0.93)] = 0.95
    voxels += rng.normal(0, 0.03, shape)
    inside = [(*(middle[:-1].astype(int)), x) for x in range(shape[-1] // 2 - 3, shape[-1] // 2 + 4)]
    outside = [(*(middle[:-2].astype(int)), 1, x) for x in range(2, shape[-1] - 2)]
    return voxels, Scribbles(shape, (stroke(True, *inside), stroke(False, *outside)))


@pytest.mark.parametrize("shape", [(60, 60), (12, 20, 20)])
def test_labels_are_those_of_the_direct_solution(shape, monkeypatch):
    """Within spots too, which only the least weight ties to what surrounds them."""
    voxels, scribbles = blob_with_spots(shape)
    image = image_of(voxels)
    method = RandomWalks()
    method.start(image, whole(image))
    found = method._probability(scribbles.label_map())
    monkeypatch.setattr(method, "_solution", lambda matrix, right: spsolve(matrix.tocsc(), right))
    exact = method._probability(scribbles.label_map())
    np.testing.assert_allclose(found, exact, atol=1e-3)
    ties = np.abs(exact - 0.5) < 1e-3
    np.testing.assert_array_equal((found >= 0.5)[~ties], (exact >= 0.5)[~ties])


@pytest.mark.parametrize("shape", [(12, 12), (9, 12, 12)])
def test_a_spot_in_the_object_is_foreground(shape):
    voxels = np.full(shape, 0.2)
    voxels[..., 3:9, 3:9] = 0.55
    voxels[..., 5:7, 6:8] = 0.95
    voxels += np.random.default_rng(5).normal(0, 0.01, shape)
    above = shape[:-2] and (4,)
    strokes = (stroke(True, (*above, 4, 4)), stroke(False, (*above, 0, 0)))
    assert answer(image_of(voxels), Scribbles(shape, strokes))[..., 5:7, 6:8].all()


def test_the_answer_does_not_depend_on_how_the_image_is_stored():
    voxels, scribbles = blob_with_spots((12, 20, 20))
    flipped = [stroke(s.foreground, *((z, y, 19 - x) for z, y, x in s.voxels)) for s in scribbles.strokes]
    mirrored = answer(image_of(voxels[..., ::-1].copy()), Scribbles(voxels.shape, tuple(flipped)))
    np.testing.assert_array_equal(mirrored[..., ::-1], answer(image_of(voxels), scribbles))


def noise():
    """A method at an image on which the multigrid does not reach the tolerance, and its label map."""
    shape = (12, 16, 16)
    scribbles = Scribbles(shape, (stroke(True, (6, 8, 8)), stroke(False, (0, 0, 0))))
    image = image_of(np.random.default_rng(0).random(shape))
    method = RandomWalks(tolerance=1e-12)
    method.start(image, whole(image))
    return method, scribbles.label_map()


def test_a_system_that_does_not_converge_is_solved_directly():
    method, drawn = noise()
    probability = method._probability(drawn).ravel()
    residual = (method._laplacian @ probability)[drawn.ravel() == 0]
    assert np.abs(residual).max() < 1e-12
    assert -1e-9 < probability.min() < probability.max() < 1 + 1e-9


def test_a_large_system_that_does_not_converge_is_an_error(monkeypatch):
    monkeypatch.setitem(_MOST_DIRECT, 3, 1000)
    method, drawn = noise()
    with pytest.raises(
        RuntimeError, match="of 3070 voxels did not converge in 1000 cycles; lower the card's beta"
    ):
        method._probability(drawn)


def test_a_large_slice_is_solved_by_multigrid(monkeypatch):
    voxels, scribbles = blob_with_spots((60, 60))
    directly = answer(image_of(voxels), scribbles)
    monkeypatch.setitem(_MOST_DIRECT, 2, 1000)
    monkeypatch.setattr("bifseg.methods.tools.random_walks.spsolve", None)
    assert (answer(image_of(voxels), scribbles) != directly).mean() < 1e-3
