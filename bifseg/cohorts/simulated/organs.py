"""Organs of mother and fetus in a T2-weighted slice. Lengths in mm, angles in radians.

Every function paints onto a canvas; a `Patient` has the properties that the slices of one patient share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bifseg.cohorts.simulated.canvas import Canvas
from bifseg.cohorts.simulated.fields import Field

PLACENTA, BRAIN, LUNGS, KIDNEYS = 1, 2, 3, 4


@dataclass(frozen=True)
class Patient:
    """Anatomy and intensities of one patient; positions are (y, x) in mm from the middle of the slice.

    Attributes:
        size: size of the fetus, relative to the mean size.
        womb, womb_axes: centre and semi-axes of the uterus.
        placenta_at: angle of the placenta's middle, seen from the centre of the uterus.
        head_side: 1 if the head lies at the right of the slice, -1 at the left.
        levels: intensity of each tissue, about 0 to 1.
    """

    size: float
    womb: NDArray[Any]
    womb_axes: NDArray[Any]
    placenta_at: float
    head_side: int
    levels: dict[str, float]

    @classmethod
    def random(cls, rng: np.random.Generator) -> Patient:
        """A random patient of 24 to 34 weeks.

        Args:
            rng: generator of all draws.

        Returns:
            The patient.
        """
        mean_levels = {
            "tissue": 0.42, "fat": 0.72, "muscle": 0.26, "fluid": 0.92, "placenta": 0.56, "brain": 0.66,
            "cortex": 0.42, "fetus": 0.44, "lungs": 0.58, "liver": 0.34, "kidneys": 0.58, "medulla": 0.42,
        }  # fmt: skip
        return cls(
            size=rng.uniform(0.88, 1.10),
            womb=np.array([-24.0, 0.0]) + rng.normal(0, 3, 2),
            womb_axes=np.array([64.0, 86.0]) * rng.uniform(0.95, 1.03, 2),
            placenta_at=rng.choice([-1, 1]) * np.pi / 2 + rng.normal(0, 0.4),
            head_side=int(rng.choice([-1, 1])),
            levels={tissue: level * rng.uniform(0.88, 1.12) for tissue, level in mean_levels.items()},
        )


def mother(canvas: Canvas, patient: Patient) -> None:
    """Paint air, fat, abdominal wall and bowel, vertebra, psoas and great vessels.

    Args:
        canvas: still empty.
        patient: gives the intensities.
    """
    level = patient.levels
    body = canvas.ellipse(np.array([12.0, 0.0]), np.array([112.0, 150.0]))
    canvas.paint(body, level["fat"] * (1 + 0.08 * canvas.noise(4)))
    canvas.paint(body - 11, level["muscle"] * (1 + 0.15 * canvas.noise(2)))
    bowel = level["tissue"] + 0.18 * np.tanh(2 * canvas.noise(5)) + 0.05 * canvas.noise(1.5)
    canvas.paint(body - 18, bowel)
    for side in (-1, 1):
        psoas = canvas.ellipse(np.array([74.0, 29.0 * side]), np.array([15.0, 12.0]), 0.3 * side)
        canvas.paint(psoas, level["muscle"] * (1 + 0.1 * canvas.noise(2)))
    spine = canvas.ellipse(np.array([76.0, 0.0]), np.array([15.0, 18.0]))
    canvas.paint(spine, 0.42 + 0.04 * canvas.noise(2))
    canvas.paint(1.2 - np.abs(spine), 0.12)
    canvas.paint(canvas.ellipse(np.array([97.0, 0.0]), np.array([6.0, 8.0])), level["fluid"])
    for side in (-1, 1):
        canvas.paint(canvas.ellipse(np.array([55.0, 9.0 * side]), np.array([6.0, 7.0])), 0.08)


def kidneys(canvas: Canvas, patient: Patient, growth: float) -> None:
    """Paint both kidneys in fat beside the spine: cortex, darker pyramids, bright sinus outside the label.

    Args:
        canvas: with the mother.
        patient: gives the intensities.
        growth: relative size.
    """
    level, rng = patient.levels, canvas.rng
    for side in (-1, 1):
        centre = np.array([67.0, 60.0 * side]) + rng.normal(0, 2, 2)
        angle = side * rng.uniform(-0.2, 0.5)
        semi_axes = np.array([24.0, 17.0]) * growth * rng.uniform(0.93, 1.07, 2)
        bean = canvas.ellipse(centre, semi_axes, angle)
        v, u = canvas.local(centre, angle)
        inwards = -side * u
        sinus = canvas.ellipse(
            centre + _turned([0, -side * semi_axes[1]], angle), semi_axes * [0.36, 0.62], angle
        )
        canvas.paint(bean + 5, level["fat"] * (1 + 0.06 * canvas.noise(3)))
        pyramids = np.cos(7 * np.arctan2(v, -inwards) + rng.uniform(0, 6)) * (bean > 3.5) * (bean < 11)
        shade = level["kidneys"] + (level["medulla"] - level["kidneys"]) * np.clip(pyramids * 2, 0, 1)
        kidney = np.minimum(bean, -sinus)
        canvas.paint(kidney + 1.2, 0.30)  # capsule and chemical shift
        canvas.paint(kidney, shade + 0.05 * canvas.noise(1.5), KIDNEYS)


def womb(canvas: Canvas, patient: Patient) -> None:
    """Paint the dark muscle of the uterus around bright amniotic fluid with flow shadows.

    Args:
        canvas: with the mother.
        patient: gives place, size and intensities.
    """
    level = patient.levels
    inner = canvas.ellipse(patient.womb, patient.womb_axes)
    canvas.paint(inner + 6, level["muscle"] * (1.5 + 0.2 * canvas.noise(4)))
    flow = 0.10 * np.minimum(canvas.noise(9), 0) + 0.03 * canvas.noise(2)
    canvas.paint(inner, level["fluid"] + flow)


def limbs_and_cord(canvas: Canvas, patient: Patient, middle: NDArray[Any]) -> None:
    """Paint sections of arms and legs with their dark bone, and of the cord with its three dark vessels.

    Args:
        canvas: with the uterus.
        patient: gives sizes and intensities.
        middle: middle of the fetus, (y, x).
    """
    rng, level = canvas.rng, patient.levels
    room = canvas.ellipse(patient.womb, patient.womb_axes) - 1

    def cut(centre: NDArray[Any], semi_axes: NDArray[Any], angle: float, shade: float | NDArray[Any]) -> None:
        canvas.paint(np.minimum(canvas.ellipse(centre, semi_axes, angle), room), shade)

    for _ in range(rng.integers(3, 7)):
        centre = middle + rng.normal(0, 1, 2) * [20, 42]
        semi_axes, angle = rng.uniform([7, 9], [10, 20]) * patient.size, rng.uniform(0, np.pi)
        cut(centre, semi_axes, angle, level["fetus"] * (1.05 + 0.18 * canvas.noise(3)))
        cut(centre, semi_axes * [0.3, 0.65], angle, 0.24)
    for _ in range(rng.integers(1, 4)):
        centre = middle + rng.normal(0, 1, 2) * [24, 44]
        cut(centre, np.array([6.5, 7.5]), 0, 0.72)
        for turn in (0.3, 2.4, 4.5):
            cut(centre + 3.2 * np.array([np.sin(turn), np.cos(turn)]), np.array([1.7, 1.7]), 0, 0.2)


def placenta(canvas: Canvas, patient: Patient, shift: float) -> None:
    """Paint the placenta, a crescent along the wall of the uterus: lobes with dark septa, lakes, a chorionic plate.

    Args:
        canvas: with the uterus.
        patient: gives place and intensities.
        shift: angle from `placenta_at`.
    """
    inner = canvas.ellipse(patient.womb, patient.womb_axes)
    angle = np.arctan2(
        (canvas.y - patient.womb[0]) / patient.womb_axes[0],
        (canvas.x - patient.womb[1]) / patient.womb_axes[1],
    )
    away = np.angle(np.exp(1j * (angle - patient.placenta_at - shift)))
    half, thick = canvas.rng.uniform(0.55, 0.85), canvas.rng.uniform(19, 27)
    crescent = thick * np.sqrt(np.clip(1 - (away / half) ** 2, 0, 1)) + 1.2 * canvas.noise(5)
    depth = np.where(np.abs(away) < half, np.minimum(inner + 0.5, crescent - inner), -9).astype(np.float32)
    lobes = np.exp(-((canvas.noise(5) / 0.15) ** 2))
    shade = patient.levels["placenta"] * (
        1 + 0.18 * canvas.noise(2.5) + 0.15 * canvas.noise(7) - 0.25 * lobes
    )
    canvas.paint(depth + 1.2, 0.30)
    canvas.paint(depth, shade + 0.22 * (canvas.noise(2.5) > 2.2), PLACENTA)


def head(canvas: Canvas, patient: Patient, centre: NDArray[Any], angle: float, growth: float) -> None:
    """Paint the fetal head: scalp, dark skull, bright fluid around a folded brain with ventricles and a midline.

    Args:
        canvas: with the uterus.
        patient: gives size and intensities.
        centre: centre of the head, (y, x).
        angle: rotation of the head.
        growth: relative size.
    """
    level, rng = patient.levels, canvas.rng
    semi_axes = np.array([37.0, 29.0]) * patient.size * growth
    skull = canvas.ellipse(centre, semi_axes, angle)
    canvas.paint(skull + 3.5, level["fetus"] + 0.08)
    canvas.paint(skull + 1.5, 0.20)
    canvas.paint(skull, level["fluid"] * 0.97)
    v, u = canvas.local(centre, angle)
    around = np.arctan2(v, u)
    folds = np.cos(11 * around + 1.5 * canvas.noise(6)) + np.cos(7 * around + rng.uniform(0, 6))
    fissure = 5 * np.exp(-((u / 1.5) ** 2)) * (np.abs(v) > 0.55 * semi_axes[0])
    brain = (skull - 3.2 - 0.8 * folds - fissure).astype(np.float32)
    ribbon = np.clip((3.2 - brain) / 1.0, 0, 1)
    shade = level["brain"] + (level["cortex"] - level["brain"]) * ribbon + 0.07 * canvas.noise(4)
    canvas.paint(brain, shade + 0.02 * canvas.noise(1.2), BRAIN)
    parts = [((-0.15, 0.30 * sx), (0.22, 0.13), "cortex") for sx in (-1, 1)]
    parts += [((0.25, 0.26 * sx), (0.36, rng.uniform(0.06, 0.12)), "fluid") for sx in (-1, 1)]
    for (py, px), share, tissue in parts:
        where = centre + _turned([py * semi_axes[0], px * semi_axes[1]], angle)
        canvas.paint(canvas.ellipse(where, semi_axes * share, angle), 0.95 * level[tissue], BRAIN)


def trunk(canvas: Canvas, patient: Patient, centre: NDArray[Any], angle: float, growth: float) -> None:
    """Paint the fetal chest: skin, ribs, spine, heart, a dark edge of liver, and two lungs.

    Args:
        canvas: with the uterus.
        patient: gives size and intensities.
        centre: centre of the chest, (y, x).
        angle: rotation of the chest.
        growth: relative size.
    """
    level, rng = patient.levels, canvas.rng
    semi_axes = np.array([36.0, 41.0]) * patient.size * growth
    chest = canvas.ellipse(centre, semi_axes, angle)
    canvas.paint(chest, level["fetus"] * (1 + 0.18 * canvas.noise(3)))
    v, u = canvas.local(centre, angle)
    ribs = np.cos(18 * np.arctan2(v, u) + rng.uniform(0, 6)) > 0.1
    canvas.paint(np.where(ribs, 1.5 - np.abs(chest - 4.5), -9).astype(np.float32), 0.2)

    def at(y: float, x: float, semi_y: float, semi_x: float, turn: float = 0.0) -> Field:
        where = centre + _turned([y * semi_axes[0], x * semi_axes[1]], angle)
        return canvas.ellipse(where, semi_axes * [semi_y, semi_x], angle + turn)

    heart = at(-0.22, 0.12, 0.42, 0.25, 0.4)
    lungs = [at(0.02, 0.46 * side, 0.60, 0.29, 0.15 * side) for side in (-1, 1)]
    for lung in lungs:
        vessels = np.exp(-((canvas.noise(3) / 0.12) ** 2))
        shade = level["lungs"] + 0.07 * canvas.noise(2.5) - 0.18 * vessels * (lung > 2)
        inside = np.minimum(lung, -heart - 1.5)
        canvas.paint(inside + 1.2, 0.30)  # pleura
        canvas.paint(inside, shade, LUNGS)
    canvas.paint(at(0.60, 0.0, 0.20, 0.15), 0.25)
    canvas.paint(at(0.62, 0.0, 0.09, 0.07), level["fluid"] * 0.9)
    canvas.paint(heart, 0.22 + 0.12 * canvas.noise(4).clip(-1, 2))
    liver = at(-0.62, -0.42, 0.16, 0.26)
    canvas.paint(liver, level["liver"] * (1 + 0.06 * canvas.noise(2)))


def _turned(offset: list[float], angle: float) -> NDArray[Any]:
    """The offset (y, x) of coordinates (v, u) of `Canvas.local`."""
    v, u = offset
    return np.array([np.cos(angle) * v + np.sin(angle) * u, -np.sin(angle) * v + np.cos(angle) * u])
