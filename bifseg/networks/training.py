"""Training of base networks on binary crops of every seen object (Wang et al. 2018, section III-B)."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from bifseg.cards.cards import NetworkCard, TrainingCard
from bifseg.cards.finetuning import FineTuning
from bifseg.cohorts.cohort import Cohort, ObjectRow
from bifseg.core.errors import InputError
from bifseg.core.files import file_hash, fingerprint, write_json, write_text
from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.seeds import generator
from bifseg.networks.architectures.blocks import Network
from bifseg.networks.external.external import ImportedSettings
from bifseg.networks.registry import SOURCES, build, resolved, restore
from bifseg.networks.trained import DEFAULT_INPUT_SIZE, TrainedNetwork, stored_card, write_torch
from bifseg.networks.validation import validation_dice
from bifseg.robot.box import draw_box

log = logging.getLogger(__name__)
Progress = Callable[[int, int, str], None]
_PADDING = -100


@dataclass
class Sample:
    """A training object, cut out with the widest margin: all that a random crop can need."""

    image: Image
    truth: Mask


@dataclass
class State:
    """Where training stands; written at every validation, so that a killed job goes on from there."""

    iteration: int = 0
    best_dice: float = -1.0
    best_weights: dict[str, Any] = field(default_factory=dict)
    curve: list[dict[str, float]] = field(default_factory=list)


def train(
    card: NetworkCard, cohort: Cohort, folder: Path, seed: int, device: str, progress: Progress
) -> None:
    """Train a network on the seen objects of a cohort and write weights.pt, curve.csv and card.json.

    The best weights by mean Dice over the seen validation objects are kept. A run that was stopped goes on from
    its last validation. Raises InputError when there is no seen object to train on or to validate with.
    """
    trainer = Trainer(card, cohort, folder, seed, device)
    trainer.run(progress)


class Trainer:
    """The training of one network on one cohort."""

    def __init__(self, card: NetworkCard, cohort: Cohort, folder: Path, seed: int, device: str) -> None:
        self._card, self._cohort, self._folder = card, cohort, folder
        self._seed, self._device = seed, torch.device(device)
        self._settings = card.training
        torch.manual_seed(seed)
        self._network = build(card).to(self._device)
        if self._network.dimension != cohort.dimension:
            have, want = self._network.dimension, cohort.dimension
            raise InputError(f"architecture: {card.architecture} is {have}D, cohort {cohort.name} is {want}D")
        self._optimizer = _optimizer(self._network, self._settings)
        self._trained = TrainedNetwork(
            self._network,
            card.input_size or DEFAULT_INPUT_SIZE[cohort.dimension],
            intensity_statistics(cohort),
            self._device,
            FineTuning.checked(card.finetuning),
        )
        self._state = State()

    def run(self, progress: Progress) -> None:
        """Train to the last iteration and write the results."""
        training, validation = (self._objects(split) for split in ("train", "validation"))
        samples = [_cut_out(self._cohort, row) for row in training]
        self._resume()
        loss_sum, since = 0.0, 0
        for iteration in range(self._state.iteration, self._settings.iterations):
            loss_sum, since = loss_sum + self._step(samples, iteration), since + 1
            done = iteration + 1
            if done % self._settings.validate_every == 0 or done == self._settings.iterations:
                validated = validation_dice(self._trained.answer, self._cohort, validation, self._seed)
                self._keep(done, loss_sum / since, float(np.mean(validated)))
                loss_sum, since = 0.0, 0
            best = self._state.best_dice
            note = f"best validation Dice {best:.3f}" if best >= 0 else "no validation yet"
            progress(done, self._settings.iterations, note)
        self._finish(len(training), len(validation))

    def _objects(self, split: str) -> list[ObjectRow]:
        rows = self._cohort.select(split=split, seen=True)
        if not rows:
            raise InputError(
                f"cohort {self._cohort.name}: split: no seen object in '{split}'; training needs one"
            )
        return list(rows)

    def _step(self, samples: list[Sample], iteration: int) -> float:
        """One gradient step on a random crop; everything drawn depends on the iteration alone."""
        rng = generator(self._seed, self._cohort.name, "training", iteration)
        torch.manual_seed(int(rng.integers(2**63)))
        chosen = rng.integers(len(samples), size=self._settings.batch)
        values, target = _stack([self._draw(samples[int(k)], rng) for k in chosen])
        for group in self._optimizer.param_groups:
            group["lr"] = self._settings.learning_rate * 0.5 ** (iteration // self._settings.halve_every)
        self._network.train()
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            logits = self._network(values.to(self._device))
        loss = cross_entropy(logits.float(), target.to(self._device), ignore_index=_PADDING)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return float(loss.detach())

    def _draw(self, sample: Sample, rng: np.random.Generator) -> tuple[NDArray[np.float32], Mask]:
        """A crop with a random margin, scaled and normalised, and its truth on the same voxels."""
        box = draw_box(sample.truth, self._cohort.box_margin, rng)
        crop = self._trained.crop(sample.image, box)
        truth = crop.scaled(sample.truth) >= 0.5
        values = self._trained.normalised(crop)
        if self._settings.flip:
            axes = tuple(axis for axis in (values.ndim - 1, values.ndim - 2) if rng.random() < 0.5)
            values, truth = np.flip(values, axes).copy(), np.flip(truth, axes).copy()
        return values, truth

    @cached_property
    def _identity(self) -> str:
        hashes = [self._cohort.hashes(row) for row in self._objects("train") + self._objects("validation")]
        return fingerprint(
            self._card.model_dump(mode="json"), self._cohort.name, self._cohort.box_margin, self._seed, hashes
        )

    def _keep(self, iteration: int, loss: float, validated: float) -> None:
        state = self._state
        state.iteration = iteration
        state.curve.append({"iteration": iteration, "train_loss": loss, "validation_dice": validated})
        if validated > state.best_dice:
            state.best_dice = validated
            state.best_weights = {k: v.detach().cpu().clone() for k, v in self._network.state_dict().items()}
        content = {
            "identity": self._identity,
            "state": vars(state),
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        write_torch(self._folder / "checkpoint.pt", content)

    def _resume(self) -> None:
        path = self._folder / "checkpoint.pt"
        if not path.exists():
            return
        try:
            content = torch.load(path, map_location=self._device, weights_only=True)
        except Exception as error:  # whatever a broken file makes torch raise
            log.warning("%s: damaged (%s); training begins anew", path, type(error).__name__)
            return
        if content["identity"] == self._identity:
            self._state = State(**content["state"])
            self._network.load_state_dict(content["network"])
            self._optimizer.load_state_dict(content["optimizer"])

    def _finish(self, training: int, validation: int) -> None:
        self._network.load_state_dict(self._state.best_weights)
        self._network.eval()
        text = io.StringIO()
        writer = csv.DictWriter(text, ["iteration", "train_loss", "validation_dice"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._state.curve)
        write_text(self._folder / "curve.csv", text.getvalue())
        facts = {
            "objects_trained_on": training,
            "objects_validated_on": validation,
            "validation_dice": self._state.best_dice,
            "seed": self._seed,
        }
        write_network(self._trained, self._card, self._cohort, self._folder, facts)
        (self._folder / "checkpoint.pt").unlink(missing_ok=True)


def bring(card: NetworkCard, weights: Path, cohort: Cohort, folder: Path) -> None:
    """Take a network trained elsewhere instead of training; raises InputError when card and weights do not fit."""
    take = _imported if card.architecture in SOURCES else _own
    trained, made_from = take(card, weights)
    if trained.network.dimension != cohort.dimension:
        have, want = trained.network.dimension, cohort.dimension
        raise InputError(f"{weights}: weights: the network is {have}D, cohort {cohort.name} is {want}D")
    write_text(folder / "curve.csv", "iteration,train_loss,validation_dice\n")
    write_network(trained, card, cohort, folder, {"weights_from": str(weights)}, made_from)


def _own(card: NetworkCard, weights: Path) -> tuple[TrainedNetwork, None]:
    """The weights.pt of another run, with its input size and fine-tuning where the card says no others."""
    build(card)  # says what is wrong with the card itself
    trained, found = TrainedNetwork.load(weights), resolved(stored_card(weights))
    for key, value in resolved(card).items():
        if found.get(key) != value:
            raise InputError(f"{weights}: weights: {key} is {found.get(key)} there, {value} by the card")
    finetuning = FineTuning.checked({**trained.finetuning, **card.finetuning})
    size = card.input_size or trained.input_size
    return replace(trained, input_size=size, finetuning=finetuning), None


def _imported(card: NetworkCard, weights: Path) -> tuple[TrainedNetwork, dict[str, Any]]:
    """A network of another making, and what is kept of it."""
    settings = ImportedSettings.of(card.settings)
    if settings.shape and card.input_size:
        raise InputError("input_size: leave it away, `shape` says to what size crops are scaled")
    size = tuple(settings.shape or ()) or card.input_size or DEFAULT_INPUT_SIZE[settings.dimension]
    try:
        kept = SOURCES[card.architecture].read(weights)
        network = restore(card, kept)
    except InputError as error:
        raise InputError(f"{weights}: {error}") from error
    finetuning = FineTuning.checked(card.finetuning)
    return TrainedNetwork(network.eval(), size, {}, torch.device("cpu"), finetuning), kept


def write_network(
    trained: TrainedNetwork,
    card: NetworkCard,
    cohort: Cohort,
    folder: Path,
    facts: dict[str, Any],
    made_from: dict[str, Any] | None = None,
) -> None:
    """Write weights.pt and then card.json: what the network is, what it was made from, and what vouches for it."""
    path = folder / "weights.pt"
    trained.save(path, card, made_from)
    record = {
        "cohort": cohort.name,
        "card": card.model_dump(mode="json"),
        "parameters": trained.network.parameter_count(),
        "input_size": trained.input_size,
        "finetuning": trained.finetuning,
        "normalisation": trained.normalisation,
        "weights_sha256": file_hash(path),
        "curve_sha256": file_hash(folder / "curve.csv"),
    }
    write_json(folder / "card.json", record | facts)


def intensity_statistics(cohort: Cohort) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation over the training images of each modality.

    Images of unseen structures count too where they are in the training split: their labels are not used.
    """
    found: dict[str, tuple[float, float]] = {}
    for modality in sorted({row.modality for row in cohort.objects}):
        rows = {(r.image, r.index): r for r in cohort.select(split="train") if r.modality == modality}
        if rows:
            sums = [_moments(cohort.image(row)) for row in rows.values()]
            count, first, second = (float(sum(part)) for part in zip(*sums, strict=True))
            mean = first / count
            found[modality] = (mean, float(np.sqrt(max(second / count - mean**2, 1e-12))))
    return found


def _moments(image: Image) -> tuple[int, float, float]:
    values = image.voxels.astype(np.float64)
    return values.size, float(values.sum()), float((values**2).sum())


def _stack(crops: list[tuple[NDArray[np.float32], Mask]]) -> tuple[Tensor, Tensor]:
    """Crops of several shapes as one batch: padded with the mean intensity, which counts for nothing in the loss."""
    shape = tuple(max(n) for n in zip(*(values.shape for values, _ in crops), strict=True))
    images, targets = torch.zeros(len(crops), 1, *shape), torch.full((len(crops), *shape), _PADDING)
    for k, (values, truth) in enumerate(crops):
        place = tuple(slice(n) for n in values.shape)
        images[k, 0][place] = torch.from_numpy(values)
        targets[k][place] = torch.from_numpy(truth.astype(np.int64))
    return images, targets


def _cut_out(cohort: Cohort, row: ObjectRow) -> Sample:
    image, truth = cohort.image(row), cohort.truth(row)
    side = (cohort.box_margin,) * truth.ndim
    box = Box.around(truth).grow(side, side, truth.shape)
    voxels = np.ascontiguousarray(image.voxels[box.slices])
    return Sample(Image(voxels, image.grid.crop(box), image.modality), truth[box.slices].copy())


def _optimizer(network: Network, settings: TrainingCard) -> torch.optim.Optimizer:
    common: dict[str, Any] = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    if settings.optimizer == "sgd":
        return torch.optim.SGD(network.parameters(), momentum=settings.momentum, **common)
    return torch.optim.Adam(network.parameters(), **common)
