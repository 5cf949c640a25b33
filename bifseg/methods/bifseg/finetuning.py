"""Image-specific fine-tuning: label update and network update in turn (Wang et al. 2018, section III-C)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from bifseg.cards.finetuning import FineTuning
from bifseg.core.geometry import Mask
from bifseg.methods.graphs.crf import LabelUpdate
from bifseg.methods.graphs.geodesic import GeodesicBand
from bifseg.networks.architectures.blocks import PointwiseClassifier, cut_back
from bifseg.networks.crops import Crop
from bifseg.networks.trained import TrainedNetwork


def loss_weights(
    labels: Mask,
    probability: NDArray,
    scribbles: NDArray[np.uint8],
    near: tuple[Mask, Mask],
    settings: FineTuning,
) -> NDArray[np.float32]:
    """w(i) of the network update: omega on scribbles, 0 where network or scribbles leave doubt, 1 elsewhere.

    Args:
        labels: of the label update.
        probability: of foreground.
        scribbles: 0 free, 1 foreground, 2 background.
        near: voxels within eps of foreground and of background scribbles.
    """
    if not settings.weighted:
        return np.ones(labels.shape, np.float32)
    near_foreground, near_background = near
    doubt_of_network = (probability > settings.t0) & (probability < settings.t1)
    doubt_of_scribbles = {
        "conflict": (near_foreground & ~labels) | (near_background & labels),
        "all": near_foreground | near_background,
        "off": np.zeros(labels.shape, bool),
    }[settings.conflict]
    weights = np.where(doubt_of_network | doubt_of_scribbles, 0, 1)
    return np.where(scribbles > 0, settings.omega, weights).astype(np.float32)


class ImageSpecificNetwork:
    """A copy of a network's classifier that is tuned to one crop; the trained network itself never changes.

    Features are computed once. Only the classifier is run again.

    Attributes:
        probability: of foreground on the crop, from the classifier as it is now.
        seconds: spent so far in `network` (features, classifier, tuning) and `label_update` (min-cut, geodesics).
    """

    def __init__(self, trained: TrainedNetwork, crop: Crop, settings: FineTuning) -> None:
        self.seconds = {"network": 0.0, "label_update": 0.0}
        self._settings, self._shape = settings, crop.shape
        with self._timed("network"):
            self._features = trained.features(crop)
            self._classifier = copy.deepcopy(trained.network.classifier).eval()
            self.probability = self._predict()
        self._crop = crop

    @cached_property
    def _cut(self) -> LabelUpdate:
        s, crop = self._settings, self._crop
        return LabelUpdate(crop.intensity, crop.spacing, s.strength, s.sigma, s.full_neighbourhood)

    @cached_property
    def _band(self) -> GeodesicBand:
        return GeodesicBand(self._crop.intensity, self._settings.full_neighbourhood)

    def update_labels(self, scribbles: NDArray[np.uint8]) -> Mask:
        """(a) The network fixed: the labels of least energy that obey the scribbles."""
        with self._timed("label_update"):
            return self._cut(self.probability, scribbles)

    def update_network(self, labels: Mask, scribbles: NDArray[np.uint8]) -> None:
        """(b) The labels fixed: gradient steps on the weighted cross-entropy, of the classifier only."""
        with self._timed("label_update"):
            near = self._near(scribbles)
            weights = loss_weights(labels, self.probability, scribbles, near, self._settings)
        with self._timed("network"):
            self._descend(labels, weights)
            self.probability = self._predict()

    def fit(self, scribbles: NDArray[np.uint8]) -> Mask:
        """Alternate both updates, then label once more with the tuned network."""
        for _ in range(self._settings.alternations):
            self.update_network(self.update_labels(scribbles), scribbles)
        return self.update_labels(scribbles)

    def _near(self, scribbles: NDArray[np.uint8]) -> tuple[Mask, Mask]:
        if self._settings.conflict == "off" or not scribbles.any():
            nowhere = np.zeros(scribbles.shape, bool)
            return nowhere, nowhere
        return tuple(self._band(scribbles == label, self._settings.eps) for label in (1, 2))  # type: ignore[return-value]

    def _descend(self, labels: Mask, weights: NDArray[np.float32]) -> None:
        """Gradient steps on the voxels that have weight: the others have no gradient."""
        rows = np.flatnonzero(weights > 0)
        if not len(rows):
            return
        device = self._features.device
        chosen = torch.from_numpy(rows).to(device)
        w = torch.from_numpy(weights.ravel()[rows]).to(device)
        target = torch.from_numpy(labels.ravel()[rows].astype(np.int64)).to(device)
        logits_of = self._logits_of(chosen)
        settings = self._settings
        optimizer = torch.optim.SGD(self._classifier.parameters(), lr=settings.learning_rate)
        for _ in range(settings.iterations):
            loss = (w * cross_entropy(logits_of(), target, reduction="none")).sum() / w.sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def _logits_of(self, chosen: Tensor) -> Callable[[], Tensor]:
        """The classifier's logits (n, 2) of the chosen voxels, as it is at each call."""
        classifier = self._classifier
        if isinstance(classifier, PointwiseClassifier):
            features = self._features.flatten(2)[0].T[chosen]
            return lambda: classifier.layers(features)
        return lambda: self._logits().flatten(2)[0].T[chosen]

    def _logits(self) -> Tensor:
        return cut_back(self._classifier(self._features), self._shape)

    @torch.no_grad()
    def _predict(self) -> NDArray[np.float32]:
        logits = self._logits()
        found: NDArray[np.float32] = torch.softmax(logits.float(), dim=1)[0, 1].cpu().numpy()
        return found

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        start = perf_counter()
        yield
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds[part] += perf_counter() - start
