"""Training of base networks on binary crops of every seen object (Wang et al. 2018, section III-B)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from bifseg.cards.cards import NetworkCard
from bifseg.cards.finetuning import FineTuning
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.objects import ObjectRow
from bifseg.core.errors import InputError
from bifseg.core.files import fingerprint, zip_damage
from bifseg.core.geometry import Image
from bifseg.core.seeds import generator
from bifseg.core.wording import counted
from bifseg.networks.ahead import ahead
from bifseg.networks.architectures.blocks import Network
from bifseg.networks.network_folder import write_curve, write_network
from bifseg.networks.optimizer import Optimizer
from bifseg.networks.precision import arithmetic
from bifseg.networks.registry import build
from bifseg.networks.samples import PADDING, Sampler
from bifseg.networks.trained import DEFAULT_INPUT_SIZE, TrainedNetwork, write_torch
from bifseg.networks.training_data import training_facts
from bifseg.networks.validation import validation_dice

log = logging.getLogger(__name__)
Progress = Callable[[int, int, str], None]
"""Called after each iteration with the number of iterations done, of all iterations, and a note."""

FEW_OBJECTS = 5
"""With fewer validation objects, the choice of the best weights is mostly chance."""


class Batch(NamedTuple):
    """What one gradient step needs.

    Attributes:
        seed: of the step's draws in the network.
        values: images, (batch, channels, *shape).
        target: (batch, *shape), see `samples.stack`.
    """

    seed: int
    values: Tensor
    target: Tensor


@dataclass
class State:
    """The progress of a training. Every validation writes it, so that a stopped training can resume."""

    iteration: int = 0
    best_dice: float = -1.0
    best_weights: dict[str, Any] = field(default_factory=dict)
    curve: list[dict[str, float]] = field(default_factory=list)


def train(
    card: NetworkCard,
    cohort: Cohort,
    folder: Path,
    seed: int,
    device: str,
    progress: Progress,
    code: str = "",
    threads: int = 1,
) -> None:
    """Train a network on the seen objects of a cohort and write weights.pt, curve.csv and card.json.

    The weights with the best mean Dice over the seen validation objects are stored. A training that was stopped
    resumes at its last validation.

    Args:
        card: architecture and settings of the training.
        cohort: its split `train` gives the training objects, its split `validation` chooses the weights.
        folder: folder of the three files and of the checkpoint.
        seed: seed of the initial weights and of all random crops.
        device: name of a torch device.
        progress: see `Progress`.
        code: hash of the training's code; a training that other code began is not resumed.
        threads: number of threads that make the next batches while a GPU computes; without a GPU, none do.

    Raises:
        InputError: network and cohort differ in dimension, or a split has no seen object.
    """
    Trainer(card, cohort, folder, seed, device, code).run(
        progress, threads if device.startswith("cuda") else 0
    )


class Trainer:
    """The training of one network on one cohort.

    Args:
        card: architecture and settings of the training.
        cohort: training and validation objects.
        folder: folder of results and checkpoint.
        seed: seed of the initial weights and of all random crops.
        device: name of a torch device.
        code: hash of the training's code.

    Raises:
        InputError: network and cohort differ in dimension.
    """

    def __init__(
        self, card: NetworkCard, cohort: Cohort, folder: Path, seed: int, device: str, code: str = ""
    ) -> None:
        self._code = code
        self._card, self._cohort, self._folder = card, cohort, folder
        self._seed, self._device = seed, torch.device(device)
        self._settings = card.training
        torch.manual_seed(seed)
        self._network = build(card).to(self._device)
        if self._network.dimension != cohort.dimension:
            network, images = self._network.dimension, cohort.dimension
            raise InputError(
                f"architecture: {card.architecture} is {network}D, cohort {cohort.name} is {images}D"
            )
        self._optimizer = Optimizer(self._network.parameters(), self._settings)
        moving = get_ema_multi_avg_fn(self._settings.average)
        self._average = AveragedModel(self._network, multi_avg_fn=moving)
        self._trained = TrainedNetwork(
            cast(Network, self._average.module),
            card.input_size or DEFAULT_INPUT_SIZE[cohort.dimension],
            normalisation_statistics(cohort, self._settings.normalisation, card.channels),
            self._device,
            FineTuning.checked(card.finetuning),
            tuple(card.channels),
        )
        self._state = State()

    def run(self, progress: Progress, threads: int = 0) -> None:
        """Train to the last iteration and write the results.

        Args:
            progress: see `Progress`.
            threads: number of threads that make the next batches; 0: each is made when it is needed.
        """
        training, validation = (self._objects(split) for split in ("train", "validation"))
        if len(validation) < FEW_OBJECTS:
            log.warning(
                "cohort %s: only %s; the choice of the best weights is mostly chance, put at least %d into the split "
                "'validation'",
                *(self._cohort.name, counted(len(validation), "seen validation object"), FEW_OBJECTS),
            )
        if left_out := self._left_out():
            name, reason = next(iter(left_out.items()))
            log.warning(
                "cohort %s: %s left out of the training, such as %s: %s",
                *(self._cohort.name, counted(len(left_out), "object"), name, reason),
            )
        sampler = Sampler(self._trained, self._cohort, training, self._settings)
        self._resume()
        losses: list[Tensor] = []
        iterations = range(self._state.iteration, self._settings.iterations)
        batches = ahead(partial(self._batch, sampler), iterations, threads)
        for iteration, batch in zip(iterations, batches, strict=True):
            losses.append(self._step(batch, iteration))
            done = iteration + 1
            if done % self._settings.validate_every == 0 or done == self._settings.iterations:
                self._validate(done, _mean([loss.item() for loss in losses]), validation)
                losses = []
            best = self._state.best_dice
            note = f"best validation Dice {best:.3f}" if best >= 0 else "no validation yet"
            progress(done, self._settings.iterations, note)
        self._finish(training, validation)

    def _objects(self, split: str) -> list[ObjectRow]:
        """The seen objects of a split that have all channels; raises InputError if there is none."""
        rows = self._cohort.select(split=split, seen=True)
        if not rows:
            raise InputError(
                f"cohort {self._cohort.name}: split: no seen object in '{split}'; training needs one"
            )
        complete = [row for row in rows if not row.lacking(self._card.channels)]
        if not complete:
            raise InputError(
                f"cohort {self._cohort.name}: channels: no seen object in '{split}' has all of "
                f"{', '.join(self._card.channels)}; training needs one"
            )
        return complete

    def _left_out(self) -> dict[str, str]:
        """The reasons why seen objects are not trained on, by name: their case lacks a channel."""
        rows = [row for split in ("train", "validation") for row in self._cohort.select(split, seen=True)]
        lacking = {row.object: row.lacking(self._card.channels) for row in rows}
        return {name: f"no channel {', '.join(names)}" for name, names in lacking.items() if names}

    def _batch(self, sampler: Sampler, iteration: int) -> Batch:
        """The batch of an iteration; all random draws depend on the seed and the iteration alone."""
        rng = generator(self._seed, self._cohort.name, "training", iteration)
        seed = int(rng.integers(2**63))
        values, target = sampler.batch(rng)
        if self._device.type == "cuda":  # so that the copy to the GPU does not hold up the next step
            values, target = values.pin_memory(), target.pin_memory()
        return Batch(seed, values, target)

    def _step(self, batch: Batch, iteration: int) -> Tensor:
        """The loss of one gradient step, still on the device: reading it would wait for the GPU."""
        torch.manual_seed(batch.seed)
        values, target = (part.to(self._device, non_blocking=True) for part in (batch.values, batch.target))
        self._network.train()
        with arithmetic(self._settings.precision, self._device):
            logits = self._network(values)
        loss = cross_entropy(logits.float(), target, ignore_index=PADDING)
        self._network.zero_grad()
        loss.backward()
        self._optimizer.step(self._settings.learning_rate * 0.5 ** (iteration // self._settings.halve_every))
        self._average.update_parameters(self._network)
        return loss.detach()

    def _validate(self, iteration: int, loss: float, validation: list[ObjectRow]) -> None:
        """Measure the network's Dice, keep its weights if they are the best so far, and write a checkpoint.

        Raises InputError if a weight is not finite: every further step would be in vain.
        """
        if not all(bool(torch.isfinite(values).all()) for values in self._network.parameters()):
            raise InputError(
                f"training.learning_rate: the weights are not finite after iteration {iteration}; lower it (is "
                f"{self._settings.learning_rate:g})"
            )
        boxes, channels = self._settings.validation_boxes, self._card.channels
        values = validation_dice(self._trained.answer, self._cohort, validation, self._seed, boxes, channels)
        reached, state = float(np.mean(values)), self._state
        state.iteration = iteration
        state.curve.append({"iteration": iteration, "train_loss": loss, "validation_dice": reached})
        if reached > state.best_dice:
            state.best_dice = reached
            state.best_weights = {
                k: v.detach().cpu().clone() for k, v in self._trained.network.state_dict().items()
            }
        content = {
            "identity": self._identity,
            "state": vars(state),
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": self._optimizer.state,
        }
        write_torch(self._folder / "checkpoint.pt", content)

    @cached_property
    def _identity(self) -> str:
        """Hash of card, data, seed and code; a checkpoint with another one is not resumed."""
        channels = self._card.channels
        objects = [
            (split, row.object, row.plane, row.instance, self._cohort.hashes(row, channels))
            for split in ("train", "validation")
            for row in self._objects(split)
        ]
        statistics = self._trained.normalisation  # also of images without a seen object
        cohort = (self._cohort.name, self._cohort.box_margin, objects, statistics)
        return fingerprint(
            self._card.model_dump(mode="json", exclude={"trained_on"}), *cohort, self._seed, self._code
        )

    def _resume(self) -> None:
        """Continue from the checkpoint of a stopped training of the same card, data, seed and code, if there is one."""
        path = self._folder / "checkpoint.pt"
        if not path.exists():
            return
        try:
            if damage := zip_damage(path):
                raise ValueError(damage)
            content = torch.load(path, map_location=self._device, weights_only=True)
            is_ours = content["identity"] == self._identity
        except Exception as error:  # torch may raise anything on a damaged file
            log.warning("%s: damaged (%s); training begins anew", path, type(error).__name__)
            return
        if is_ours:
            self._state = State(**content["state"])
            self._network.load_state_dict(content["network"])
            self._average.load_state_dict(content["average"])
            self._optimizer.load(content["optimizer"])

    def _finish(self, training: list[ObjectRow], validation: list[ObjectRow]) -> None:
        """Write the best weights, the curve and the card, and remove the checkpoint."""
        self._trained.network.load_state_dict(self._state.best_weights)
        self._trained.network.eval()
        write_curve(self._folder, self._state.curve)
        facts = {
            "objects_trained_on": len(training),
            "objects_validated_on": len(validation),
            "validation_dice": self._state.best_dice,
            "seed": self._seed,
            **training_facts(self._cohort, training + validation, self._folder),
        }
        facts |= {"left_out": left_out} if (left_out := self._left_out()) else {}
        write_network(self._trained, self._card, self._cohort, self._folder, facts)
        (self._folder / "checkpoint.pt").unlink(missing_ok=True)


def _mean(losses: list[float]) -> float:
    """The mean loss of the steps whose crops had annotated voxels; NaN without any."""
    counted = [loss for loss in losses if not np.isnan(loss)]
    return float(np.mean(counted)) if counted else float("nan")


def normalisation_statistics(
    cohort: Cohort, rule: str, channels: Sequence[str] = ()
) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of the training images, for the modalities that are not normalised per image.

    Args:
        cohort: all images of its training split count, also those of unseen structures; labels are not used.
        rule: `TrainingCard.normalisation`: per-image, auto (statistics for CT only) or training (for all).
        channels: names of the channels that the network takes; empty: the structures' own.

    Returns:
        (mean, standard deviation) by modality; empty if every modality is normalised per image.
    """
    modalities = sorted(set(channels) or {row.modality for row in cohort.objects})
    if rule == "per-image":
        return {}
    if rule == "auto":
        modalities = [modality for modality in modalities if modality.lower() == "ct"]
    moments = {modality: _training_moments(cohort, modality, bool(channels)) for modality in modalities}
    return {modality: pair for modality, pair in moments.items() if pair}


def _training_moments(cohort: Cohort, modality: str, further: bool) -> tuple[float, float] | None:
    """Mean and standard deviation over all voxels of the training images of a modality; None without such images.

    With `further`, the images in the manifest's column `channels` count too.
    """
    rows = {}
    for row in cohort.select(split="train"):
        files = {**(dict(row.channels) if further else {}), row.modality: row.image}
        if modality in files:
            rows[files[modality], row.index] = row
    if not rows:
        return None
    sums = [_moments(cohort.image(row, (modality,)).channel(modality)) for row in rows.values()]
    count, first, second = (float(sum(part)) for part in zip(*sums, strict=True))
    mean = first / count
    return mean, float(np.sqrt(max(second / count - mean**2, 1e-12)))


def _moments(image: Image) -> tuple[int, float, float]:
    """Number, sum and sum of squares of the voxels, the same to the last bit however the image is stored."""
    values = np.ascontiguousarray(image.grid.canonical().apply(image.voxels), np.float64)
    return values.size, float(values.sum()), float((values**2).sum())
