"""All metrics of `bs.score` against the libraries that people score with, on volumes of BraTS size.

Each gets the whole volumes, as they come from files, and computes Dice, ASSD, HD95 and, where it can, NSD at 2 mm.
medpy and SimpleITK do not crop to the masks: a second row of medpy gets the crop, SimpleITK's row crops first. The last
row has all metrics of bifseg, with the ASSD in voxels. A second table has the values: medpy's must be equal to the last
bit and SimpleITK's to float32, or the script fails. Expected: 100 times as fast as medpy on whole volumes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module

import medpy.metric.binary as medpy
import numpy as np
import SimpleITK as sitk
import torch
from numpy.typing import NDArray
from rivals import named, rival
from scipy.ndimage import gaussian_filter, zoom
from timing import Cases, Table, heading

from bifseg.core.geometry import Box, Mask
from bifseg.core.metrics import score
from bifseg.core.metrics.metric import Metric
from bifseg.core.metrics.registry import built_in

SHAPE = (155, 240, 240)
ISOTROPIC, THICK = (1.0, 1.0, 1.0), (3.0, 1.0, 1.0)
#        name            centre           radius  spacing
BLOBS = (
    ("small", (70, 120, 120), 21.0, ISOTROPIC),
    ("medium", (80, 100, 140), 25.0, THICK),
    ("large", (75, 130, 110), 31.0, ISOTROPIC),
    ("touches the border", (75, 120, 10), 31.0, THICK),
)
COLUMNS = {"Dice": "dice", "ASSD": "assd_mm", "HD95": "hd95_mm", "NSD at 2 mm": "nsd_2mm"}
SIMPLEITK = f"{named('simpleitk')}, cropping first"
Scores = dict[str, float]
Scorer = Callable[[Mask, Mask, tuple[float, ...]], Scores]


def blob(centre: tuple[int, ...], radius: float, seed: int) -> Mask:
    """A ball with a bumpy surface."""
    coarse = tuple(n // 5 for n in SHAPE)
    bumps = gaussian_filter(np.random.default_rng(seed).standard_normal(coarse), 2.0)
    bumps = zoom(bumps / bumps.std(), [n / c for n, c in zip(SHAPE, coarse, strict=True)], order=1)
    axes = np.ogrid[tuple(slice(n) for n in SHAPE)]
    distance = np.sqrt(sum((axis - c) ** 2 for axis, c in zip(axes, centre, strict=True)))
    return distance + 2.5 * bumps < radius


def by_bifseg(metrics: Sequence[Metric]) -> Scorer:
    """Some of bifseg's metrics."""

    def scores(result: Mask, truth: Mask, spacing: tuple[float, ...]) -> Scores:
        ours = score(result, truth, spacing, metrics=metrics)
        return {name: ours[column] for name, column in COLUMNS.items()}

    return scores


def by_medpy(result: Mask, truth: Mask, spacing: tuple[float, ...]) -> Scores:
    return {
        "Dice": medpy.dc(result, truth),
        "ASSD": medpy.assd(result, truth, spacing),
        "HD95": medpy.hd95(result, truth, spacing),
    }


def by_monai(module) -> Scorer:
    """MONAI's functions, which crop to the masks; HD95 is the larger of the two directions'."""

    def scores(result: Mask, truth: Mask, spacing: tuple[float, ...]) -> Scores:
        y_pred, y = (torch.from_numpy(mask)[None, None] for mask in (result, truth))
        how = {"include_background": True, "spacing": spacing}
        values = {
            "Dice": module.compute_dice(y_pred, y, include_background=True),
            "ASSD": module.compute_average_surface_distance(y_pred, y, symmetric=True, **how),
            "HD95": module.compute_hausdorff_distance(y_pred, y, percentile=95, **how),
            "NSD at 2 mm": module.compute_surface_dice(y_pred, y, [2.0], **how),
        }
        return {name: float(value) for name, value in values.items()}

    return scores


def by_surface_distance(module) -> Scorer:
    """Google DeepMind's functions, which crop; surfels lie between voxels and count with their area."""

    def scores(result: Mask, truth: Mask, spacing: tuple[float, ...]) -> Scores:
        distances = module.compute_surface_distances(truth, result, spacing)
        return {
            "Dice": module.compute_dice_coefficient(truth, result),
            "ASSD": float(np.mean(module.compute_average_surface_distance(distances))),
            "HD95": module.compute_robust_hausdorff(distances, 95),
            "NSD at 2 mm": module.compute_surface_dice_at_tolerance(distances, 2.0),
        }

    return scores


def by_panoptica(module) -> Scorer:
    """panoptica's evaluation of one matched instance; its NSD has a tolerance of its own."""
    import_module("panoptica.utils.citation_reminder").disable_citation_reminder()
    metrics = [module.Metric.DSC, module.Metric.ASSD, module.Metric.HD95, module.Metric.NSD]
    evaluator = module.Panoptica_Evaluator(
        expected_input=module.InputType.MATCHED_INSTANCE, instance_metrics=metrics, global_metrics=[]
    )

    def scores(result: Mask, truth: Mask, spacing: tuple[float, ...]) -> Scores:
        masks = (mask.astype(np.uint8) for mask in (result, truth))
        evaluated = evaluator.evaluate(*masks, voxelspacing=spacing, verbose=False)["ungrouped"]
        values = (evaluated.sq_dsc, evaluated.sq_assd, evaluated.sq_hd95, evaluated.sq_nsd)
        return dict(zip(("Dice", "ASSD", "HD95", "NSD at 2 mm"), map(float, values), strict=True))

    return scores


def by_simpleitk(result: Mask, truth: Mask, spacing: tuple[float, ...]) -> Scores:
    """As in SimpleITK's notebooks: distance maps (float32), here of contours, read at the other contour's voxels."""
    window = Box.around(result | truth).slices
    result, truth = (np.pad(mask[window], 1) for mask in (result, truth))  # the contour needs a voxel outside
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (result, truth)]
    for image in images:
        image.SetSpacing(spacing[::-1])
    contours = [sitk.LabelContour(image) for image in images]
    maps = [_distances(contour) for contour in contours]
    borders = [sitk.GetArrayFromImage(contour) > 0 for contour in contours]
    distances = np.concatenate([maps[1][borders[0]], maps[0][borders[1]]])
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*images)
    return {
        "Dice": overlap.GetDiceCoefficient(),
        "ASSD": float(distances.mean()),
        "HD95": float(np.percentile(distances, 95)),
        "NSD at 2 mm": float((distances <= 2).mean()),
    }


def _distances(image: sitk.Image) -> NDArray[np.float32]:
    distance = sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    return np.abs(sitk.GetArrayFromImage(distance))


def scorers() -> dict[str, Scorer]:
    """A function for each library that is installed."""
    monai, surface = rival("monai", "monai.metrics"), rival("surface-distance", "surface_distance")
    panoptica = rival("panoptica", "panoptica")
    return {
        named("medpy"): by_medpy,
        f"{named('medpy')}, given the crop": by_medpy,
        **({named("monai"): by_monai(monai)} if monai else {}),
        **({named("surface-distance"): by_surface_distance(surface)} if surface else {}),
        SIMPLEITK: by_simpleitk,
        **({named("panoptica"): by_panoptica(panoptica)} if panoptica else {}),
        "bifseg": by_bifseg([metric for metric in built_in() if metric.column in COLUMNS.values()]),
        "bifseg, all metrics": by_bifseg(built_in()),
    }


def main() -> None:
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=FutureWarning, module="monai.*")
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    heading(f"Scoring, volumes of {' x '.join(map(str, SHAPE))}", ["numpy", "scipy"])
    table, values, all_scorers = Table(), {}, scorers()
    slower = []
    for k, (name, centre, radius, spacing) in enumerate(BLOBS):
        moved = (centre[0] + 1, centre[1] - 2, centre[2] + 2)
        truth, result = blob(centre, radius, k), blob(moved, radius - 1, k + 10)
        window = Box.around(result | truth)
        crop = result[window.slices], truth[window.slices]
        cases: Cases = {
            which: partial(scorer, *(crop if "given" in which else (result, truth)), spacing)
            for which, scorer in all_scorers.items()
        }
        here = {which: call() for which, call in cases.items()}
        medpy_values = here[named("medpy")]
        assert medpy_values == {column: here["bifseg"][column] for column in medpy_values}, name
        assert np.isclose(here[SIMPLEITK]["ASSD"], medpy_values["ASSD"], rtol=1e-6), name
        size = " x ".join(map(str, window.shape))
        slower.append(table.add(f"{name}, {size}, {spacing[0]:g} mm", cases, 3)[named("medpy")])
        values = here if spacing == THICK and not values else values
    table.print()
    print(f"\nmedpy on whole volumes: {min(slower):.0f} to {max(slower):.0f} times as long as bifseg.")
    columns = list(values["bifseg"])
    print(f"\n| values, {BLOBS[1][0]} | " + " | ".join(columns) + " |\n|---|" + "--:|" * len(columns))
    for which, scores in values.items():
        cells = (f"{scores[column]:.4f}" if column in scores else "" for column in columns)
        print(f"| {which} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
