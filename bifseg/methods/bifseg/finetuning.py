"""Image-specific fine-tuning: label update and network update in turn (Wang et al. 2018, section III-C)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.sgd import sgd

from bifseg.cards.finetuning import FineTuning
from bifseg.core.geometry import Mask
from bifseg.methods.graphs.crf import LabelUpdate
from bifseg.methods.graphs.geodesic import GeodesicBand
from bifseg.methods.graphs.neighbours import typical_contrast
from bifseg.networks.architectures.blocks import PointwiseClassifier, cut_back
from bifseg.networks.crops import Crop
from bifseg.networks.precision import arithmetic
from bifseg.networks.trained import TrainedNetwork

T = TypeVar("T")
_LAMBDAS_TRIED = 6
"""Before any scribble, each half of the one before. If all keep too little, the labels are the network's own."""


def scribble_doubt(
    labels: Mask, distances: tuple[NDArray[np.float64], NDArray[np.float64]], settings: FineTuning
) -> Mask:
    """U_s: the voxels whose label the scribbles put in doubt.

    Rule `conflict`: G(i, S_f) < eps and y_i = 0, or G(i, S_b) < eps and y_i = 1. Rule `all` ignores y_i. Of each label,
    at most `largest_share` of its voxels are in doubt, those nearest to the scribbles (our bound, not the paper's).

    Args:
        labels: y, the labels of the label update.
        distances: geodesic distances G to foreground and to background scribbles, of the labels' shape; infinity
            where they exceed eps.
        settings: it uses `eps`, `conflict` and `largest_share`.

    Returns:
        Bool mask of the labels' shape; empty without scribbles and under the rule `off`.
    """
    to_foreground, to_background = distances
    if settings.conflict == "all":
        to_foreground = to_background = np.minimum(to_foreground, to_background)
    doubt = np.zeros(labels.shape, bool)
    if settings.conflict != "off":
        for distance, of_label in ((to_foreground, ~labels), (to_background, labels)):
            most = int(settings.largest_share * of_label.sum())
            doubt |= _nearest(distance, of_label & (distance < settings.eps), most)
    return doubt


def _nearest(distance: NDArray[np.float64], candidates: Mask, most: int) -> Mask:
    """The candidates at the least distances, at most `most`; of candidates at equal distance, all or none."""
    values = distance[candidates]
    if len(values) <= most:
        return candidates
    limit = np.partition(values, most)[most]
    nearest: Mask = candidates & (distance < limit)
    return nearest


def loss_weights(
    labels: Mask,
    probability: NDArray[Any],
    scribbles: NDArray[np.uint8],
    distances: tuple[NDArray[np.float64], NDArray[np.float64]],
    settings: FineTuning,
) -> NDArray[np.float32]:
    """w(i) of the network update: omega on scribbles, 0 in U_p and U_s, 1 elsewhere.

    U_p are the voxels whose probability lies between t0 and t1. Without `weighted`, every weight is 1. Where the
    scribbles of a label would weigh more than `scribbles_share` of its other voxels, omega is less, but at least 1 (our
    bound, not the paper's).

    Args:
        labels: bool, from the label update.
        probability: of foreground, of the labels' shape.
        scribbles: of the labels' shape: 0 free, 1 foreground, 2 background.
        distances: see `scribble_doubt`.
        settings: it uses `weighted`, `t0`, `t1`, `omega`, `scribbles_share` and those of `scribble_doubt`.

    Returns:
        float32 array of the labels' shape.
    """
    if not settings.weighted:
        return np.ones(labels.shape, np.float32)
    doubt = (probability > settings.t0) & (probability < settings.t1)
    # Scribbled voxels are never in doubt, and take no part of `largest_share` either.
    to_foreground, to_background = (np.where(scribbles > 0, np.inf, distance) for distance in distances)
    doubt |= scribble_doubt(labels, (to_foreground, to_background), settings)
    weights = np.where(scribbles > 0, settings.omega, ~doubt).astype(np.float32)
    if settings.scribbles_share is not None:
        for scribbled, of_label in ((scribbles == 1, labels), (scribbles == 2, ~labels)):
            others = weights[of_label & (scribbles == 0)].sum()
            most = settings.scribbles_share * others / max(1, np.count_nonzero(scribbled))
            weights[scribbled] = min(settings.omega, max(1.0, most))
    return weights


class ImageSpecificNetwork:
    """A copy of a network's classifier that is tuned to one crop; the trained network itself never changes.

    Features are computed once. Only the classifier runs again. What does not depend on scribbles is computed once for
    all methods of the process, and its seconds are charged to each.

    Args:
        trained: the base network.
        crop: the part of the image that the network sees.
        settings: of the label update and the network update.

    Attributes:
        probability: of foreground, float32 of the crop's shape, from the classifier as it is now.
        seconds: spent so far in `network` (features, classifier, tuning) and `label_update` (min-cut, geodesics).
    """

    def __init__(self, trained: TrainedNetwork, crop: Crop, settings: FineTuning) -> None:
        self.seconds = {"network": 0.0, "label_update": 0.0}
        self._settings, self._shape, self._crop = settings, crop.shape, crop
        self._trained, self._trained_classifier = trained, trained.network.classifier
        self._restart()
        trained.computed.begin(crop.image, crop.box)
        self._features, self._trained_probability = self._once("features", self._first_pass)
        self.probability = self._trained_probability

    def _first_pass(self) -> tuple[Tensor, NDArray[np.float32]]:
        with self._timed("network"):
            self._features = self._trained.features(self._crop)
            return self._features, self._predict()

    def _once(self, key: Hashable, make: Callable[[], T]) -> T:
        """A result that does not depend on scribbles, computed once for the image and box."""
        return self._trained.computed.once((self._crop, key), make, self.seconds)

    def _label_update(self, strength: float) -> LabelUpdate:
        s, crop = self._settings, self._crop
        # A surface grows with the side squared, its volume with the cube: a fixed lambda removes small objects.
        strength *= crop.side / s.strength_side if s.strength_side else 1.0

        def build() -> LabelUpdate:
            with self._timed("label_update"):
                neighbours = s.sigma_unit == "neighbours"
                unit = typical_contrast(crop.intensity, s.full_neighbourhood) if neighbours else 1.0
                return LabelUpdate(
                    crop.intensity, crop.spacing, strength, s.sigma * unit, s.full_neighbourhood
                )

        return self._once(("cut", strength, s.sigma, s.sigma_unit, s.full_neighbourhood), build)

    def _band(self) -> GeodesicBand:
        full = self._settings.full_neighbourhood

        def build() -> GeodesicBand:
            with self._timed("label_update"):
                return GeodesicBand(self._crop.intensity, full)

        return self._once(("band", full), build)

    def update_labels(self, scribbles: NDArray[np.uint8]) -> Mask:
        """The labels of least energy that obey the scribbles; the network is fixed (Wang et al. 2018, Eq. 7).

        Args:
            scribbles: of the crop's shape: 0 free, 1 foreground, 2 background. Without any, `strength_alone` and
                `kept_share` hold; with those of one label, `strength_one_label`; with both, `strength`.

        Returns:
            Bool array of the crop's shape.
        """
        if not scribbles.any():
            return self._update_labels_alone(scribbles)
        both = (scribbles == 1).any() and (scribbles == 2).any()
        cut = self._label_update(self._settings.strength if both else self._settings.strength_one_label)
        with self._timed("label_update"):
            return cut(self.probability, scribbles)

    def _update_labels_alone(self, no_scribbles: NDArray[np.uint8]) -> Mask:
        """The labels of the largest lambda that keeps `kept_share` of the network's foreground (our bound)."""
        foreground: Mask = self.probability > 0.5
        least = self._settings.kept_share * np.count_nonzero(foreground)
        for halvings in range(_LAMBDAS_TRIED):
            cut = self._label_update(self._settings.strength_alone / 2**halvings)
            with self._timed("label_update"):
                labels = cut(self.probability, no_scribbles)
            if np.count_nonzero(labels) >= least:
                return labels
        return foreground

    def labels_alone(self) -> Mask:
        """The labels of the trained network's probability without scribbles.

        Returns:
            Bool array of the crop's shape.
        """
        nothing = np.zeros(self._shape, np.uint8)
        return self._once(("labels", self._settings_key), lambda: self.update_labels(nothing))

    def update_network(self, labels: Mask, scribbles: NDArray[np.uint8]) -> None:
        """Gradient steps of the classifier on the weighted cross-entropy; the labels are fixed.

        Args:
            labels: bool array of the crop's shape.
            scribbles: of the crop's shape: 0 free, 1 foreground, 2 background.
        """
        with self._timed("label_update"):
            distances = self._distances(scribbles)
            weights = loss_weights(labels, self.probability, scribbles, distances, self._settings)
        with self._timed("network"):
            self._descend(labels, weights)
            self.probability = self._predict()

    def fit(self, scribbles: NDArray[np.uint8]) -> Mask:
        """The labels after `alternations` label and network updates in turn and a last label update.

        Args:
            scribbles: of the crop's shape: 0 free, 1 foreground, 2 background.

        Returns:
            Bool array of the crop's shape.
        """
        if self._settings.restart:
            self._restart()
            self.probability = self._trained_probability
        for _ in range(self._settings.alternations):
            self.update_network(self.update_labels(scribbles), scribbles)
        return self.update_labels(scribbles)

    def fit_alone(self) -> Mask:
        """The labels of `fit` without scribbles, from the trained network.

        Returns:
            Bool array of the crop's shape.
        """

        def fitted() -> tuple[Mask, nn.Module, NDArray[np.float32]]:
            return self.fit(np.zeros(self._shape, np.uint8)), self._classifier, self.probability

        labels, classifier, self.probability = self._once(("fit", self._settings_key), fitted)
        self._classifier = copy.deepcopy(classifier)
        return labels

    @property
    def _settings_key(self) -> str:
        return self._settings.model_dump_json()

    def _restart(self) -> None:
        self._classifier = copy.deepcopy(self._trained_classifier).eval()

    def _distances(self, scribbles: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self._settings.conflict == "off" or not self._settings.weighted or not scribbles.any():
            far = np.full(scribbles.shape, np.inf)
            return far, far
        eps, band = self._settings.eps, self._band()
        return band.distance(scribbles == 1, eps), band.distance(scribbles == 2, eps)

    def _descend(self, labels: Mask, weights: NDArray[np.float32]) -> None:
        """Gradient steps on sum_i (w_i CE(y_i, p_i) + anchor CE(q_i, p_i)) / sum_i (w_i + anchor).

        q is the trained network's probability. Voxels without weight and anchor have no gradient and are left out.
        """
        if not (weights > 0).any():
            return
        settings, device = self._settings, self._features.device
        total = weights.ravel() + np.float32(settings.anchor)
        rows = np.flatnonzero(total > 0)
        pull = weights.ravel() * labels.ravel() + settings.anchor * self._trained_probability.ravel()
        target = torch.from_numpy((pull[rows] / total[rows]).astype(np.float32)).to(device)
        w = torch.from_numpy(total[rows]).to(device)
        sum_of_weights = w.sum()
        logits_of = self._logits_of(torch.from_numpy(rows).to(device))
        parameters: list[Tensor] = list(self._classifier.parameters())
        velocities: list[Tensor | None] = [None] * len(parameters)
        # Not torch.optim.SGD, whose first use in a process imports the compiler of torch for about a second.
        step = partial(
            sgd,
            lr=settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=0.0,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )
        for _ in range(settings.iterations):
            with arithmetic(settings.precision, device):
                logits = logits_of().float()
            margin = logits[:, 1] - logits[:, 0]
            losses = binary_cross_entropy_with_logits(margin, target, reduction="none")
            loss = (w * losses).sum() / sum_of_weights
            gradients = torch.autograd.grad(loss, parameters, materialize_grads=True)
            with torch.no_grad():
                step(parameters, list(gradients), velocities)  # changes the parameters and velocities

    def _logits_of(self, chosen: Tensor) -> Callable[[], Tensor]:
        """A function that returns the classifier's present logits (n, 2) of the chosen voxels."""
        classifier = self._classifier
        if isinstance(classifier, PointwiseClassifier):
            features = self._features.flatten(2)[0].T[chosen]
            if self._settings.precision == "bfloat16":
                features = features.bfloat16()  # once, not in every step
            return lambda: classifier.layers(features)
        return lambda: self._logits().flatten(2)[0].T[chosen]

    def _logits(self) -> Tensor:
        return cut_back(self._classifier(self._features), self._shape)

    @torch.no_grad()
    def _predict(self) -> NDArray[np.float32]:
        logits = self._logits()
        foreground: NDArray[np.float32] = torch.softmax(logits.float(), dim=1)[0, 1].cpu().numpy()
        return foreground

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        start = perf_counter()
        yield
        if self._trained.device.type == "cuda":
            torch.cuda.synchronize(self._trained.device)
        self.seconds[part] += perf_counter() - start
