"""A trained network with what it needs to see a new image as it saw the training images."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bifseg.cards import NetworkCard
from bifseg.errors import BadInput
from bifseg.geometry import Box, Image, Mask
from bifseg.networks.blocks import Network
from bifseg.networks.crops import Crop
from bifseg.networks.registry import build
from bifseg.store import writing

DEFAULT_INPUT_SIZE = {2: 96, 3: 80}


@dataclass(frozen=True)
class TrainedNetwork:
    """A network in evaluation mode.

    Attributes:
        input_size: the size that crops are scaled to (see `Crop`).
        normalisation: mean and standard deviation of the training images per modality. An image of a modality
            that is not there is normalised by its own mean and standard deviation.
        device: where the network lives.
        finetuning: settings of image-specific fine-tuning that were found for this network.
    """

    network: Network
    input_size: int
    normalisation: dict[str, tuple[float, float]]
    device: torch.device
    finetuning: dict[str, Any] = field(default_factory=dict)

    def crop(self, image: Image, box: Box) -> Crop:
        """What the network sees of the image inside the box."""
        return Crop(image, box, self.input_size)

    def features(self, crop: Crop) -> Tensor:
        """Features (1, channels, *crop.shape), without gradient."""
        values = torch.from_numpy(self.normalised(crop)).to(self.device)
        with torch.no_grad():
            found: Tensor = self.network.features(values[None, None])
        return found

    def answer(self, image: Image, box: Box) -> Mask:
        """The network's own segmentation inside the box, on the image's grid: probability at least 0.5."""
        self.network.eval()
        crop = self.crop(image, box)
        with torch.no_grad():
            logits = self.network.classifier(self.features(crop))
        return crop.to_image(torch.softmax(logits, 1)[0, 1].cpu().numpy())

    def normalised(self, crop: Crop) -> NDArray[np.float32]:
        """The crop's values less the mean, over the standard deviation, of its modality."""
        image = crop.image
        if image.modality in self.normalisation:
            mean, std = self.normalisation[image.modality]
        else:
            mean, std = float(image.voxels.mean()), float(image.voxels.std())
        return (crop.values - mean) / max(std, 1e-6)

    def save(self, path: Path, card: NetworkCard) -> None:
        """Write weights, normalisation and the card's shape in one file that `load` reads."""
        content = {
            "architecture": card.architecture,
            "settings": dict(card.settings),
            "input_size": self.input_size,
            "finetuning": self.finetuning,
            "normalisation": {key: list(value) for key, value in self.normalisation.items()},
            "weights": {key: value.cpu() for key, value in self.network.state_dict().items()},
        }
        with writing(path) as part:
            torch.save(content, part)

    @classmethod
    def load(cls, path: Path, device: str = "cpu") -> TrainedNetwork:
        """The network of a weights file; raises BadInput when it is missing, broken or of another making."""
        try:
            content = torch.load(path, map_location=device, weights_only=True)
            card = NetworkCard(architecture=content["architecture"], settings=content["settings"])
            network = build(card).to(device).eval()
            network.load_state_dict(content["weights"])
            normalisation = {key: (float(m), float(s)) for key, (m, s) in content["normalisation"].items()}
            size, finetuning = int(content["input_size"]), dict(content["finetuning"])
        except FileNotFoundError as error:
            raise BadInput(f"{path}: no such weights file") from error
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from error
        except Exception as error:  # whatever a broken file makes torch raise
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise BadInput(f"{path}: not a weights file written by bifseg train: {reason}") from error
        return cls(network, size, normalisation, torch.device(device), finetuning)


def checked_device(name: str) -> str:
    """The torch device of a name; `auto` is the GPU where there is one. Raises BadInput for one that is not there."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise BadInput(f"--device {name}: torch sees no GPU here; use cpu or auto")
    return name
