"""A trained network with what it needs to see a new image as it saw the training images."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bifseg.cards.cards import NetworkCard
from bifseg.core.errors import InputError
from bifseg.core.files import check_hash, read_json, writing
from bifseg.core.geometry import Box, Image, Index, Mask
from bifseg.networks.architectures.blocks import Network
from bifseg.networks.crops import Crop
from bifseg.networks.normalisation import Normalisation
from bifseg.networks.registry import restore

DEFAULT_INPUT_SIZE = {2: 96, 3: 80}


@dataclass(frozen=True)
class TrainedNetwork:
    """A network in evaluation mode.

    Attributes:
        input_size: the size that crops are scaled to (see `Crop`), or the one shape that they are fitted into.
        normalisation: (mean, standard deviation) of the training images by modality. An image of any other modality
            is normalised by the network's own rule: by its own voxels, for networks that were trained here.
        device: where the weights are.
        finetuning: settings of image-specific fine-tuning that were chosen for this network.
    """

    network: Network
    input_size: int | Index
    normalisation: dict[str, tuple[float, float]]
    device: torch.device
    finetuning: dict[str, Any] = field(default_factory=dict)

    def crop(self, image: Image, box: Box) -> Crop:
        """What the network sees of the image inside the box."""
        return Crop(image, box, self.input_size, self.network.thickest_first)

    def features(self, crop: Crop) -> Tensor:
        """Features (1, channels, *shape), without gradient; the shape is the crop's, or padded behind it."""
        values = torch.from_numpy(self.normalised(crop.values, crop.image)).to(self.device)
        with torch.no_grad():
            features: Tensor = self.network.features(values[None, None])
        return features

    def answer(self, image: Image, box: Box) -> Mask:
        """The network's own segmentation inside the box, on the image's grid: probability at least 0.5."""
        self.network.eval()
        crop = self.crop(image, box)
        with torch.no_grad():
            logits = self.network.logits(self.features(crop), crop.shape)
        return crop.to_image(torch.softmax(logits, 1)[0, 1].cpu().numpy())

    def normalised(self, values: NDArray[np.float32], image: Image) -> NDArray[np.float32]:
        """Values of any shape, taken from an image, as the network takes them."""
        rule = self.network.normalisation
        if image.modality in self.normalisation:
            mean, std = self.normalisation[image.modality]
            rule = Normalisation(mean=mean, std=std)
        return rule(values, image)

    def save(self, path: Path, card: NetworkCard, made_from: dict[str, Any] | None = None) -> None:
        """Write the network, its normalisation and the card's shape in one file that `load` reads.

        Equal networks are equal files.

        Args:
            path: of the file.
            card: that the network was trained or imported by.
            made_from: what an imported network was made from; its weights are there.
        """
        weights = {key: value.cpu() for key, value in self.network.state_dict().items()}
        content = {
            "architecture": card.architecture,
            "settings": dict(card.settings),
            "input_size": self.input_size,
            "finetuning": self.finetuning,
            "normalisation": {key: list(value) for key, value in self.normalisation.items()},
            "weights": made_from or weights,
        }
        write_torch(path, content)

    @classmethod
    def load(cls, path: Path, device: str = "cpu") -> TrainedNetwork:
        """The network of a weights file, whose bytes are those that the card.json beside it vouches for.

        Args:
            path: of weights.pt.
            device: of torch.

        Raises:
            InputError: the file is missing, changed, broken or of another making.
        """
        try:
            _check_against_card(path)
            content = torch.load(path, map_location=device, weights_only=True)
            card = NetworkCard(architecture=content["architecture"], settings=content["settings"])
            network = restore(card, content["weights"]).to(device).eval()
            normalisation = {key: (float(m), float(s)) for key, (m, s) in content["normalisation"].items()}
            size, finetuning = _size(content["input_size"]), dict(content["finetuning"])
        except FileNotFoundError as error:
            raise InputError(f"{path}: no such weights file") from error
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        except Exception as error:  # whatever a broken file makes torch raise
            raise InputError(
                f"{path}: not a weights file written by bifseg train: {load_problem(error)}"
            ) from error
        return cls(network, size, normalisation, torch.device(device), finetuning)


def load_problem(error: Exception) -> str:
    """Why `torch.load` failed, in one line, without its advice to load code from the file too."""
    if "weights_only" in str(error):
        return "it holds more than tensors and plain values, which is not loaded; save a state dict"
    return " ".join(str(error).split())[:200] or type(error).__name__


def _check_against_card(path: Path) -> None:
    """Raise InputError where the card.json beside a weights file vouches for other bytes."""
    card = path.with_name("card.json")
    if path.is_file() and card.is_file():
        record = read_json(card)
        if isinstance(record, dict) and "weights_sha256" in record:
            check_hash(path, record["weights_sha256"], "train it again: snakemake --forcerun train_network")


def stored_card(path: Path) -> NetworkCard:
    """Architecture and settings of a file that `TrainedNetwork.load` takes."""
    content = torch.load(path, map_location="cpu", weights_only=True)
    return NetworkCard(architecture=content["architecture"], settings=content["settings"])


def write_torch(path: Path, content: Any) -> None:
    """Write what `torch.load` reads, whole; equal contents are equal files.

    Raises OSError where the disk is full: given a path torch would write its name inside, and given a stream it would
    tell of a full disk in riddles.
    """
    whole = io.BytesIO()
    torch.save(content, whole)
    with writing(path) as part:
        part.write_bytes(whole.getbuffer())


def checked_device(name: str) -> str:
    """The torch device of a name; `auto` is the GPU where there is one. Raises InputError for one that is not there."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"--device {name}: torch sees no GPU here; use cpu or auto")
    return name


def _size(stored: Any) -> int | Index:
    return tuple(int(side) for side in stored) if isinstance(stored, (list, tuple)) else int(stored)
