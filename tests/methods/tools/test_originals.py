"""Each tool, with its shipped settings, is at least as strong as its original called plainly: on made images."""

import heapq

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.sparse.linalg import spsolve
from skimage.segmentation import random_walker
from strokes_by_hand import image_of, stroke

from bifseg.core.geometry import Box
from bifseg.core.overlap import dice
from bifseg.core.scribbles import Scribbles
from bifseg.methods.tools.geos import GeoS
from bifseg.methods.tools.grabcut import GrabCut
from bifseg.methods.tools.grabcut_opencv import GrabCutOpenCV
from bifseg.methods.tools.growcut import GrowCut
from bifseg.methods.tools.random_walks import RandomWalks
from bifseg.methods.tools.slic_seg import SlicSeg, features
from bifseg.methods.tools.window import Window

SEEDS = range(4)


def scene(seed, shape=(72, 80), noise=18):
    """A blob in textured surroundings that hold a second thing as bright; a box and three strokes."""
    rng = np.random.default_rng(seed)
    at = np.indices(shape)
    middle, second_centre = [n // 2 for n in shape], [n - 9 for n in shape]

    def ball(centre, radius):
        return np.linalg.norm(at - np.reshape(centre, (-1, *[1] * len(shape))), axis=0) < radius

    truth = ball(middle, 0.22 * min(shape)) | ball([middle[0] + 4, *middle[1:]], 0.2 * min(shape))
    clean = 90 + 12 * gaussian_filter(rng.normal(0, 4, shape), 5) + 70 * (truth | ball(second_centre, 6))
    image = image_of(gaussian_filter(clean + rng.normal(0, noise, shape), 0.6))
    margins = rng.integers(2, 8, (2, len(shape)))
    box = Box.around(truth).grow(*map(tuple, margins.tolist()), shape)
    row = tuple(middle[:-1])
    inside = [(*row, middle[-1] + k) for k in range(-4, 5)]
    sides = [stroke(False, *[(*row[:-1], y, x) for x in range(box.lower[-1], box.upper[-1])])
             for y in (box.lower[-2], box.upper[-2] - 1)]  # fmt: skip
    return image, truth, box, Scribbles(shape, (stroke(True, *inside), *sides))


def opencv_plainly(image, box):
    """`cv2.grabCut` on the whole image with the box as its rectangle."""
    low, high = np.percentile(image.voxels, (0.5, 99.5))
    grey = np.rint(255 * np.clip((image.voxels - low) / (high - low), 0, 1)).astype(np.uint8)
    labels = np.zeros(grey.shape, np.uint8)
    rectangle = (*reversed(box.lower), *reversed(box.shape))
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.repeat(grey[..., None], 3, 2), labels, rectangle, *models, 5, cv2.GC_INIT_WITH_RECT)
    return np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))


def played(tool, image, box, scribbles):
    method = tool()
    method.start(image, box)
    return method.refine(scribbles)


def mean_dice(results):
    return np.mean([dice(result, truth) for result, truth in results])


@pytest.mark.parametrize("noise", [5, 18, 40])
def test_grabcut_from_a_box(noise):
    scenes = [scene(seed, noise=noise) for seed in SEEDS]
    original = mean_dice((opencv_plainly(image, box), truth) for image, truth, box, _ in scenes)
    for tool in (GrabCut, GrabCutOpenCV):
        dice = mean_dice((tool().start(image, box), truth) for image, truth, box, _ in scenes)
        assert dice >= original - 0.005


def test_grabcut_opencv_starts_as_opencv_on_the_whole_image():
    for seed in SEEDS:
        image, _, box, _ = scene(seed)
        assert dice(GrabCutOpenCV().start(image, box), opencv_plainly(image, box)) > 0.98


def walker_plainly(image, box, scribbles):
    """scikit-image's with its own settings, solved by factorisation, on the whole image."""
    labels = scribbles.label_map()
    grey = image.voxels.astype(float)
    result = random_walker(grey, labels, mode="bf", return_full_prob=True)[0] >= 0.5
    return box.paste(result[box.slices], labels.shape)


def test_random_walks_from_scribbles():
    scenes = [scene(seed) for seed in SEEDS]
    original = mean_dice((walker_plainly(i, box, drawn), truth) for i, truth, box, drawn in scenes)
    dice = mean_dice((played(RandomWalks, i, box, drawn), truth) for i, truth, box, drawn in scenes)
    assert dice >= original - 0.005


@pytest.mark.parametrize(("shape", "noise"), [((72, 80), 18), ((24, 26, 22), 18), ((24, 26, 22), 60)])
def test_random_walks_is_converged(shape, noise):
    """Against a direct sparse solution, also where noise nearly cuts voxels off."""
    image, _, box, scribbles = scene(1, shape, noise)
    method = RandomWalks()
    method.start(image, box)
    drawn = scribbles.label_map()[box.slices]
    free, foreground = (np.flatnonzero(drawn == label) for label in (0, 1))
    rows = method._laplacian[free]
    exact = spsolve(rows[:, free].tocsc(), -rows[:, foreground].sum(axis=1))
    np.testing.assert_allclose(method._probability(drawn).ravel()[free], exact, atol=1e-3)


def growcut_plainly(intensity, labels):
    """The automaton of 8 neighbours, all cells at once, until nothing changes."""
    strength, labels = (labels > 0).astype(float), labels.copy()
    steps = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]
    while True:
        padded = [np.pad(a, 1, constant_values=0) for a in (intensity, strength, labels)]
        new_strength, new_labels = strength.copy(), labels.copy()
        for y, x in steps:
            near = tuple(slice(1 + k, 1 + k + n) for k, n in zip((y, x), labels.shape, strict=True))
            attack = (1 - np.abs(intensity - padded[0][near])) * padded[1][near]
            wins = attack > new_strength
            new_strength[wins], new_labels[wins] = attack[wins], padded[2][near][wins]
        if np.array_equal(new_strength, strength):
            return labels == 1
        strength, labels = new_strength, new_labels


def test_growcut_from_scribbles():
    scenes = [scene(seed) for seed in SEEDS]
    original = []
    for image, truth, box, scribbles in scenes:
        inside = growcut_plainly(Window(image, box).intensity, scribbles.label_map()[box.slices])
        original.append((box.paste(inside, truth.shape), truth))
    dice = mean_dice((played(GrowCut, i, box, drawn), truth) for i, truth, box, drawn in scenes)
    assert dice >= mean_dice(original) - 0.005


def geodesic_plainly(sources, intensity, gamma):
    """Cheapest path from the sources to each voxel; a step of 1 mm costs sqrt(1 + (gamma difference)^2)."""
    cost = np.where(sources, 0.0, np.inf)
    heap = [(0.0, index) for index in map(tuple, np.argwhere(sources).tolist())]
    while heap:
        reached, (y, x) = heapq.heappop(heap)
        for near in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if reached <= cost[y, x] and 0 <= near[0] < cost.shape[0] and 0 <= near[1] < cost.shape[1]:
                step = reached + np.hypot(1, gamma * (float(intensity[near]) - float(intensity[y, x])))
                if step < cost[near]:
                    cost[near] = step
                    heapq.heappush(heap, (step, near))
    return cost


def geos_plainly(intensity, drawn, settings, thetas=(0, 10)):
    """The paper's search: of all geodesic closings and openings by two widths, the labels of least energy.

    Returns the labels and a function that gives the energy of labels.
    """
    to_foreground, to_background = (geodesic_plainly(drawn == k, intensity, settings.gamma) for k in (1, 2))
    signed = to_foreground - to_background
    probability = np.clip(to_background / (to_foreground + to_background), 1e-6, 1 - 1e-6)

    def energy(labels):
        free = drawn == 0
        data = -np.log(np.where(labels, probability, 1 - probability))[free].sum()
        borders = (
            np.exp(-(np.diff(intensity, axis=k) ** 2) / (2 * settings.sigma**2))[
                np.diff(labels, axis=k)
            ].sum()
            for k in (0, 1)
        )
        return data + settings.strength * sum(borders)

    candidates = [drawn == 1]
    for dilate in thetas:
        for erode in thetas:
            core, outside = signed <= -erode, signed > dilate
            if core.any() and outside.any():
                smooth = geodesic_plainly(core, intensity, settings.gamma) + dilate - erode
                smooth -= geodesic_plainly(outside, intensity, settings.gamma)
                candidates.append(((smooth <= 0) | (drawn == 1)) & (drawn != 2))
    return min(candidates, key=energy), energy


def test_geos_from_scribbles():
    """Our min-cut has no more energy than the paper's search over openings and closings, and no less Dice."""
    dice, original = [], []
    for image, truth, box, scribbles in map(scene, SEEDS):
        drawn, intensity = scribbles.label_map()[box.slices], Window(image, box).intensity.astype(float)
        searched, energy = geos_plainly(intensity, drawn, GeoS().settings)
        result = played(GeoS, image, box, scribbles)
        assert energy(result[box.slices]) <= energy(searched) + 1e-6
        dice.append((result, truth))
        original.append((box.paste(searched, truth.shape), truth))
    assert mean_dice(dice) >= mean_dice(original) - 0.005


def test_slic_seg_from_two_rounds_of_scribbles():
    """The authors' program: its features, lambda and sigma; after one round alone these smooth less and lead."""
    results, originals = [], []
    for image, truth, box, first in map(scene, SEEDS):
        column = [(y, 40) for y in range(24, 52)]
        sides = [
            stroke(False, *[(y, x) for y in range(box.lower[0], box.upper[0])])
            for x in (box.lower[1], box.upper[1] - 1)
        ]
        both = first.add([stroke(True, *column), *sides])
        for tool, results_of in ((SlicSeg, results), (AuthorsSlicSeg, originals)):
            method = tool()
            method.start(image, box)
            method.refine(first)
            results_of.append((method.refine(both), truth))
    assert mean_dice(results) >= mean_dice(originals) - 0.005


class AuthorsSlicSeg(SlicSeg):
    """Features voxel by voxel and the authors' lambda and sigma."""

    def __init__(self):
        super().__init__(strength=5.0, sigma=3.5 / 255)

    def _prepare(self, window):
        super()._prepare(window)
        self._features = features_plainly(window.intensity).round(6).astype(np.float32)


def features_plainly(intensity):
    """The authors' features from their definition, patch by patch; the image is mirrored at its edges."""
    wide = np.pad(intensity.astype(float), 12, mode="symmetric")
    dy, dx = np.zeros_like(wide), np.zeros_like(wide)
    dy[1:-1], dx[:, 1:-1] = (wide[2:] - wide[:-2]) / 2, (wide[:, 2:] - wide[:, :-2]) / 2
    size, bins = np.hypot(dy, dx), np.floor((np.arctan2(dy, dx) + np.pi) / (2 * np.pi) * 8).astype(int) % 8
    fall = np.exp(-np.add.outer(np.arange(-4, 5) ** 2, np.arange(-4, 5) ** 2) / 16)
    rows = []
    for y, x in np.argwhere(np.ones(intensity.shape)) + 12:
        near, nine = wide[y - 2 : y + 3, x - 2 : x + 3], (slice(y - 4, y + 5), slice(x - 4, x + 5))
        directions = np.bincount(bins[nine].ravel(), (size[nine] * fall).ravel(), 8)
        bands, low = [], wide[y - 4 : y + 4, x - 4 : x + 4]
        for _ in range(2):
            a, b, c, d = low[::2, ::2], low[::2, 1::2], low[1::2, ::2], low[1::2, 1::2]
            bands += [(b + d - a - c) / 2, (c + d - a - b) / 2, (a + d - b - c) / 2]
            low = (a + b + c + d) / 2
        haar = [moment for band in (*bands, low) for moment in (band.mean(), band.std())]
        total = directions.sum()
        rows.append(
            [near.mean(), near.std(), size[y, x], *directions / (total if total > 1e-9 else 1), *haar]
        )
    return np.reshape(rows, (*intensity.shape, -1))


def test_features_of_slic_seg_are_the_authors():
    """Also at the edges, where strokes of background often lie."""
    intensity = np.random.default_rng(0).random((20, 13)).astype(np.float32)
    np.testing.assert_allclose(features(intensity), features_plainly(intensity), atol=2e-6)
