"""A trained network with the input size and the normalisation of its training."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bifseg.cards.cards import NetworkCard
from bifseg.core.errors import InputError, one_line
from bifseg.core.files import check_hash, read_record, writing
from bifseg.core.geometry import Box, Image, Index, Mask
from bifseg.networks.architectures.blocks import Network
from bifseg.networks.computed import Computed
from bifseg.networks.crops import Crop
from bifseg.networks.external.imported_network import ImportedNetwork
from bifseg.networks.freed_memory import keep_freed_memory
from bifseg.networks.normalisation import Normalisation
from bifseg.networks.registry import restore

DEFAULT_INPUT_SIZE = {2: 96, 3: 80}


@dataclass(frozen=True)
class TrainedNetwork:
    """A network in evaluation mode.

    Attributes:
        network: architecture and weights.
        input_size: the size that crops are scaled to (see `Crop`), or the one shape that they are fitted into.
        normalisation: (mean, standard deviation) of the training images by modality. For other modalities the
            network's own rule applies; that of our architectures uses the image's own voxels.
        device: torch device of the weights.
        finetuning: settings of image-specific fine-tuning that were chosen for this network.
        channels: names of the channels that the network takes, in order; empty: the image's own.
        computed: results that several methods share.
    """

    network: Network
    input_size: int | Index
    normalisation: dict[str, tuple[float, float]]
    device: torch.device
    finetuning: dict[str, Any] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    computed: Computed = field(default_factory=Computed, init=False, compare=False, repr=False)

    def weights_hash(self) -> str:
        """The hash of all weights as they are now.

        Returns:
            64 hexadecimal digits; empty for an external network, since its program may depend on more than its weights.
        """
        if isinstance(self.network, ImportedNetwork):
            return ""
        code = sha256()
        for name, values in sorted(self.network.state_dict().items()):
            code.update(f"{name} {tuple(values.shape)} {values.dtype}\n".encode())
            code.update(values.detach().cpu().contiguous().numpy().tobytes())
        return code.hexdigest()

    def crop(self, image: Image, box: Box) -> Crop:
        """The network's input for an image and a box.

        Args:
            image: image of the network's dimension, (y, x) or (z, y, x).
            box: in voxels of the image.

        Returns:
            The inside of the box, scaled to `input_size`.
        """
        return Crop(image, box, self.input_size, self.network.thickest_first)

    def features(self, crop: Crop) -> Tensor:
        """The features of a crop, without gradient.

        Args:
            crop: a crop that `crop` returned.

        Returns:
            (1, channels, *shape); shape is that of the crop, possibly padded behind the last voxel of each axis.

        Raises:
            InputError: the image lacks a channel that the network takes.
        """
        names = self.channels_of(crop.image)
        values = np.stack([self.normalised(crop.channel(name), crop.image.channel(name)) for name in names])
        with torch.no_grad():
            features: Tensor = self.network.features(torch.from_numpy(values).to(self.device)[None])
        return features

    def channels_of(self, image: Image) -> tuple[str, ...]:
        """The names of an image's channels that the network takes.

        Args:
            image: any image.

        Returns:
            `channels`, or the image's own channel alone.
        """
        return self.channels or (image.modality,)

    def answer(self, image: Image, box: Box) -> Mask:
        """The network's own segmentation inside the box: probability at least 0.5.

        Args:
            image: image of the network's dimension, (y, x) or (z, y, x).
            box: in voxels of the image.

        Returns:
            Bool mask of the image's shape, False outside the box.
        """
        self.network.eval()
        crop = self.crop(image, box)
        with torch.no_grad():
            logits = self.network.logits(self.features(crop), crop.shape)
        return crop.to_image(torch.softmax(logits, 1)[0, 1].cpu().numpy())

    def normalised(self, values: NDArray[np.float32], image: Image) -> NDArray[np.float32]:
        """Intensities normalised for the network.

        Args:
            values: some of the image's intensities, of any shape.
            image: the whole image of one channel; its modality chooses the rule.

        Returns:
            float32 array of the values' shape.
        """
        network = self.network
        rule = network.channel_normalisation.get(image.modality, network.normalisation)
        if image.modality in self.normalisation:
            mean, std = self.normalisation[image.modality]
            rule = Normalisation(mean=mean, std=std)
        return rule(values, image)

    def save(self, path: Path, card: NetworkCard, made_from: dict[str, Any] | None = None) -> None:
        """Write the network, its card's architecture and its normalisation to a file that `load` reads.

        Equal networks give equal files.

        Args:
            path: the file weights.pt.
            card: the card that the network was trained or imported by.
            made_from: for an imported network, the content of its file, which has the weights.
        """
        weights = {key: value.cpu() for key, value in self.network.state_dict().items()}
        content: dict[str, Any] = {
            "architecture": card.architecture,
            "settings": dict(card.settings),
            "input_size": self.input_size,
            "finetuning": self.finetuning,
            "normalisation": {key: list(value) for key, value in self.normalisation.items()},
            "weights": made_from or weights,
        }
        content |= {"channels": list(self.channels)} if self.channels else {}
        write_torch(path, content)

    @classmethod
    def load(cls, path: Path, device: str = "cpu") -> TrainedNetwork:
        """The network of a weights file. If its folder has a card.json, the file must match the hash in it.

        Args:
            path: the file weights.pt.
            device: torch device that the weights go to.

        Returns:
            The network in evaluation mode.

        Raises:
            InputError: the file is missing, changed or broken, or bifseg did not write it.
        """
        _check_against_card(path)
        keep_freed_memory()
        try:
            content = torch.load(path, map_location=device, weights_only=True)
            card = _card_of(content)
            network = restore(card, content["weights"]).to(device).eval()
            normalisation = {key: (float(m), float(s)) for key, (m, s) in content["normalisation"].items()}
            size, finetuning = _size(content["input_size"]), dict(content["finetuning"])
        except FileNotFoundError as error:
            raise InputError(f"{path}: no such weights file") from error
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        except Exception as error:  # torch may raise anything on a damaged file
            raise InputError(
                f"{path}: not a weights file written by bifseg train: {_load_problem(error)}"
            ) from error
        return cls(network, size, normalisation, torch.device(device), finetuning, tuple(card.channels))


def _load_problem(error: Exception) -> str:
    """Why `torch.load` failed, in one line, without torch's unsafe advice to load code from the file too."""
    if "weights_only" in str(error):
        return "it holds more than tensors and plain values, which is not loaded; save a state dict"
    return one_line(error)


def _check_against_card(path: Path) -> None:
    """Raise InputError if the card.json in the folder of a weights file has another hash."""
    card = path.with_name("card.json")
    if path.is_file() and card.is_file():
        record = read_record(card)
        if "weights_sha256" in record:
            check_hash(path, record["weights_sha256"], "train it again: snakemake --forcerun train_network")


def stored_card(path: Path) -> NetworkCard:
    """The architecture, channels and settings of a weights file.

    Args:
        path: path of a file that `TrainedNetwork.load` has accepted.

    Returns:
        A network card with these keys.
    """
    return _card_of(torch.load(path, map_location="cpu", weights_only=True))


def _card_of(content: dict[str, Any]) -> NetworkCard:
    keys = {key: content[key] for key in ("architecture", "settings")}
    return NetworkCard(**keys, channels=content.get("channels", []))


def write_torch(path: Path, content: Any) -> None:
    """Write a file that `torch.load` reads, whole or not at all; equal contents give equal files.

    Args:
        path: the file.
        content: tensors, plain values, and lists and dicts of them.

    Raises:
        OSError: the disk is full.
    """
    # Given a path, torch writes its name into the file; given a stream, it hides that the disk is full.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with writing(path) as part:
        part.write_bytes(buffer.getbuffer())


def checked_device(name: str) -> str:
    """The torch device of a name.

    Args:
        name: cpu, cuda, cuda:N, or auto for the GPU if torch sees one.

    Returns:
        A device name for torch.

    Raises:
        InputError: a GPU is named that torch does not see.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda"):
        n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if n_gpus <= int(name.partition(":")[2] or 0):
            seen = f"only cuda:0 to cuda:{n_gpus - 1}" if n_gpus else "no GPU"
            raise InputError(f"--device {name}: torch sees {seen} here; use cpu or auto")
    return name


def _size(stored: Any) -> int | Index:
    return tuple(int(side) for side in stored) if isinstance(stored, (list, tuple)) else int(stored)
