"""How good a base network is on validation objects: what training watches, and what no session may change."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from bifseg.cohorts.objects import Cohort, ObjectRow
from bifseg.metrics import dice
from bifseg.networks.trained import TrainedNetwork
from bifseg.robot.box import draw_box
from bifseg.seeds import generator


def initial_dice(
    trained: TrainedNetwork, cohort: Cohort, objects: Iterable[ObjectRow], seed: int
) -> list[float]:
    """Dice of the network's own answer for each object, on the image's grid, each in its own fixed box."""
    trained.network.eval()
    found = []
    for row in objects:
        truth = cohort.truth(row)
        rng = generator(seed, cohort.name, row.object, "validation box")
        crop = trained.crop(cohort.image(row), draw_box(truth, cohort.box_margin, rng))
        with torch.no_grad():
            logits = trained.network.logits(trained.features(crop), crop.shape)
        result = crop.to_image(torch.softmax(logits, 1)[0, 1].cpu().numpy())
        found.append(dice(result, truth))
    return found
