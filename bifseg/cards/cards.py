"""Cards: the YAML files that describe cohorts, networks, methods and protocols.

A card's name is its file's name. `workflow/schemas/` holds the JSON Schema of each, made from these classes.
Values marked "default" are ours where the paper's could not be verified (see docs/method.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bifseg.cards.capabilities import BUILT_IN, Plays
from bifseg.core.errors import InputError

Positive = Annotated[int, Field(gt=0)]
DEVICE = r"auto|cpu|cuda(:\d+)?"
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class Card(BaseModel):
    """What all cards share: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CaseCounts(Card):
    """How many cases a simulator makes for each split."""

    train: Positive = Field(16, description="cases the networks are trained on")
    validation: Positive = Field(4, description="cases that choose the best weights")
    test: Positive = Field(10, description="cases that are scored")


class CohortCard(Card):
    """A set of cases with splits and structures."""

    dimension: Literal[2, 3] = Field(description="2: objects are instances in slices; 3: objects are volumes")
    simulator: Name | None = Field(None, description="make the images: tumour3d or fetal2d")
    cases: CaseCounts = Field(CaseCounts(), description="sizes of a simulated cohort")
    manifest: Path | None = Field(None, description="read the images: TSV, a row a case and structure")
    root: Path | None = Field(None, description="folder of the manifest's paths; default: the manifest's own")
    seen: list[Name] = Field(description="structures that networks are trained on")
    unseen: list[Name] = Field(default_factory=list, description="structures that networks never see")
    minimum_voxels: Positive = Field(30, description="smaller objects are left out")
    slices: Literal["auto", "axial", "coronal", "sagittal"] = Field(
        "auto", description="2D from 3D stacks: slices across the thickest spacing, or a plane of the body"
    )
    box_margin: Annotated[int, Field(ge=0)] = Field(
        10,
        description="voxels: each side of a box lies U{0..box_margin} outside the object, in training as in use",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.simulator is None) == (self.manifest is None):
            raise ValueError("give either 'simulator' or 'manifest'")
        if self.slices != "auto" and self.dimension == 3:
            raise ValueError(f"'slices: {self.slices}' is of a 2D cohort; remove it, or write 'dimension: 2'")
        both = set(self.seen) & set(self.unseen)
        if both:
            raise ValueError(f"{sorted(both)} cannot be both seen and unseen")
        return self


class ProtocolCard(Card):
    """The rules of a session."""

    policy: str = Field("centre-line/1", description="name and version of the robot's scribble policy")
    box: str = Field("margin/1", description="name and version of the robot's box")
    user: Literal["expert", "novice", "careless"] = Field(
        "expert", description="how carefully the robot follows policy and box; expert: to the letter"
    )
    rounds: Annotated[int, Field(ge=0)] = Field(10, description="most rounds of scribbles")
    strokes_per_label: Positive = Field(
        1, description="most mistakes of each label that are corrected in a round, a stroke each"
    )
    target: Annotated[float, Field(gt=0, le=1)] | None = Field(
        0.90, description="the session ends when Dice reaches this; null: play all rounds"
    )
    tolerance_mm: Annotated[float, Field(ge=0)] = Field(
        0.0, description="mistakes this near the truth's border are not visible to the robot"
    )
    patience: Positive | None = Field(
        3, description="rounds without effect after which a session ends as stuck; null: never"
    )
    time_limit_s: Annotated[float, Field(gt=0)] | None = Field(
        600, description="a session that takes longer ends with status timeout; null: no limit"
    )
    memory_mb: Annotated[float, Field(gt=0)] | None = Field(
        None, description="MiB that each process of a method may allocate; null: what the job has"
    )
    fresh_process: Literal["object", "job"] | None = Field(
        None,
        description="a method's process plays one session (object) or all sessions of its job (job); null: object "
        "where objects are played several times, so that no method remembers the strokes of another replicate",
    )
    scribbles_on: Literal["initial", "current"] = Field(
        "current", description="whose mistakes are corrected: initial (shared scribbles) or current (own)"
    )


class MethodCard(Card):
    """A complete interactive system: a class of Python, or a program of any kind."""

    method: str | None = Field(None, description="a registered name, or module:Class of a plug-in")
    command: tuple[str, ...] = Field(
        (),
        description="words of a program that talks as docs/plugins.md says; {card} is the folder of this card, "
        "{folder} the one that the program shares with the session",
    )
    confined: bool = Field(
        True,
        description="the program cannot read the cohort's files; false for a container, which sees its folder only",
    )
    online: bool = Field(
        False, description="the method may use the network, as one with a server of its own must; the scores say so"
    )
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="keyword arguments of the class, or what the program is told at first",
    )
    plays: Plays | None = Field(None, description="where it can play; known of registered methods")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.method is None) == (not self.command):
            raise ValueError("give either 'method' or 'command'")
        return self

    def can(self) -> Plays | None:
        """Where the method can play; None if nothing tells without importing it."""
        return self.plays or BUILT_IN.get(self.method or "")


class TrainingCard(Card):
    """How a base network is trained (paper.md section 3; SGD values are the paper's as remembered)."""

    optimizer: Literal["sgd", "adam"] = "sgd"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    halve_every: Positive = Field(5000, description="iterations after which the learning rate is halved")
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.99
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    iterations: Positive = 80_000
    batch: Positive = Field(1, description="crops per iteration, padded to a common shape")
    flip: bool = Field(False, description="random flips of the crop along each in-plane axis")
    validate_every: Positive = Field(1000, description="iterations between validations and checkpoints")


DIMENSIONS = dict.fromkeys(("pnet", "fcn", "unet"), 2) | dict.fromkeys(
    ("pcnet", "deepmedic", "highres3dnet"), 3
)
"""Of the architectures that are trained here; importing them is slow."""


class NetworkCard(Card):
    """A base CNN and its training."""

    architecture: Name = Field(
        description="pnet, fcn or unet (2D); pcnet, deepmedic or highres3dnet (3D); torchscript or monai-bundle"
    )
    settings: dict[str, Any] = Field(default_factory=dict, description="arguments of the architecture")
    input_size: Positive | None = Field(
        None, description="voxels; 2D: the crop's shorter side (96), 3D: its longest side (80)"
    )
    weights: Path | None = Field(
        None,
        description="weights trained elsewhere, a file or a bundle's folder inside 'root'; no training then",
    )
    root: Path | None = Field(
        None, description="folder that 'weights' is relative to; default: the card's own"
    )
    finetuning: dict[str, Any] = Field(
        default_factory=dict, description="fine-tuning settings found on seen training data for this network"
    )
    training: TrainingCard = TrainingCard()

    def dimension(self) -> int | None:
        """2 or 3: of the images that the network takes; None where the card's settings should say it and do not."""
        return DIMENSIONS.get(self.architecture, self.settings.get("dimension"))


C = TypeVar("C", bound=Card)


def read_card(kind: type[C], path: Path) -> C:
    """The card in a YAML file; raises InputError with the file, the key and the value that is wrong."""
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(sorted(other.stem for other in Path(path).parent.glob("[!.]*.yaml")))
        there = f"; there are {known}" if known else ""
        raise InputError(f"{path}: cannot be read: {error.strerror}{there}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: a card is a mapping of keys to values, this is {type(content).__name__}")
    try:
        return kind(**{str(key): value for key, value in content.items()})
    except ValidationError as error:
        raise InputError(f"{path}: {first_problem(error)}") from error


def first_problem(error: ValidationError) -> str:
    """Key, what is wrong, and value of the first problem that a card's class found."""
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"]) or "card"
    value = problem.get("input")
    shown = "" if isinstance(value, dict) else f" (is {value!r})"
    return f"{key}: {problem['msg']}{shown}"
