"""Cards: the YAML files that describe cohorts, networks, methods and protocols.

A card's name is its file's name. `workflow/schemas/` holds the JSON Schema of each, made from these classes. Defaults
are ours if the paper's values could not be checked (docs/method.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from bifseg.cards.card import Card, Positive
from bifseg.cards.disturb import Disturb, undrawn
from bifseg.cards.plays import Drawn, Plays
from bifseg.cards.trained_on import TrainedOn
from bifseg.cards.training import TrainingCard
from bifseg.cards.yaml_file import read_mapping
from bifseg.core.errors import InputError, short
from bifseg.core.overlap import DEFAULT_TOLERANCE_MM

DEVICE = r"auto|cpu|cuda(:\d+)?"
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]
"""Name of a card: its file's name, which becomes part of paths and commands."""
StructureName = Annotated[str, Field(pattern=r"^[\p{L}\p{N}][\p{L}\p{M}\p{N}_.-]*$", max_length=100)]
"""Name of a structure: letters and digits of any script."""
Millimetres = Annotated[float, Field(gt=0, allow_inf_nan=False)]
IN_IMAGE = " in the image"
"""End of `box_label` where results may lie in the whole image."""
PolicyName = Literal[
    "centre-line/1",
    "line/1",
    "contour/1",
    "random-region/1",
    "econet/1",
    "centre-click/1",
    "person/1",
    "person/2",
]
"""The robot's policies. A typing error stops a run before any job, not after its networks are trained."""
BoxName = Literal["margin/1", "tight/1", "jittered/1", "loose/1"]
"""The robot's kinds of box."""
CLICK_POLICIES = ("centre-click/1", "econet/1")
"""The robot's policies that click on one voxel, with or without a dab of paint around it."""

LATER_RULES: dict[str, Any] = {}
"""Keys that protocol cards got after the history's first records, with the value that plays as before them.

A record without the key has this value, and the history's hash of the rules leaves the key out at it, so that results
from before are still compared. The key's default may change later; this value must not.
"""


class CaseCounts(Card):
    """Number of cases that a simulator makes for each split."""

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
    channels: list[Name] = Field(
        default_factory=list,
        description="names of the channels that cases may have in addition to a structure's own, as in the manifest",
    )
    seen: list[StructureName] = Field(description="structures that networks are trained on")
    unseen: list[StructureName] = Field(
        default_factory=list, description="structures that networks never see"
    )
    objects: Literal["auto", "component", "structure"] = Field(
        "auto",
        description="an object is a connected component of a structure, or the whole structure with all its lesions; "
        "auto: components in 2D, structures in 3D",
    )
    minimum_voxels: Positive = Field(30, description="smaller objects are left out")
    slices: Literal["auto", "axial", "coronal", "sagittal"] = Field(
        "auto", description="2D from 3D stacks: slices across the thickest spacing, or a plane of the body"
    )
    box_margin: Annotated[int, Field(ge=0)] = Field(
        10,
        description="voxels: each side of a box lies U{0..box_margin} outside the object, in training as in use",
    )

    source: str = Field("", description="where the images come from: a data set, a paper, a hospital")
    licence: str = Field("", description="licence under which the images may be used")
    nsd_tolerance_mm: Millimetres | dict[StructureName, Millimetres] | Literal["raters"] = Field(
        DEFAULT_TOLERANCE_MM,
        description="tolerance of NSD: one for all structures; one by structure (others: 2); or raters: the distance "
        "between their borders",
    )

    @property
    def by_component(self) -> bool:
        """Whether an object is a connected component of a structure."""
        return self.objects == "component" or (self.objects == "auto" and self.dimension == 2)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.simulator is None) == (self.manifest is None):
            raise ValueError("give either 'simulator' or 'manifest'")
        if self.slices != "auto" and self.dimension == 3:
            raise ValueError(f"'slices: {self.slices}' needs a 2D cohort; remove it, or write 'dimension: 2'")
        both = set(self.seen) & set(self.unseen)
        if both:
            raise ValueError(f"{sorted(both)} cannot be both seen and unseen")
        if isinstance(self.nsd_tolerance_mm, dict):
            unknown = set(self.nsd_tolerance_mm) - {*self.seen, *self.unseen}
            if unknown:
                raise ValueError(
                    f"'nsd_tolerance_mm' names {sorted(unknown)}, which is neither seen nor unseen"
                )
        return self


class ProtocolCard(Card):
    """The rules of a session.

    Args:
        **rules: the fields by name.

    Raises:
        InputError: a key is unknown, a value is wrong, or two contradict each other; the message names the first.
    """

    policy: PolicyName = Field("centre-line/1", description="name and version of the robot's scribble policy")
    box: BoxName = Field("margin/1", description="name and version of the robot's box")
    user: Literal["expert", "novice", "careless"] = Field(
        "expert", description="how carefully the robot follows policy and box; expert: to the letter"
    )
    rounds: Annotated[int, Field(ge=0)] = Field(10, description="most rounds of scribbles")
    strokes_per_label: Positive = Field(
        1, description="most errors of each label that the robot corrects in a round, a stroke each"
    )
    target: Annotated[float, Field(gt=0, le=1)] | None = Field(
        0.90, description="the session ends when Dice reaches this; null: play all rounds"
    )
    tolerance_mm: Annotated[float, Field(ge=0)] = Field(
        0.0, description="the robot does not see errors within this distance of the truth's border"
    )
    patience: Positive | None = Field(
        3, description="rounds without effect after which a session ends as stuck; null: never"
    )
    time_limit_s: Annotated[float, Field(gt=0)] | None = Field(
        600, description="a session that takes longer ends with status timeout; null: no limit"
    )
    memory_mb: Annotated[float, Field(gt=0)] | None = Field(
        None, description="MiB that all processes of a method may take together; null: what the job has"
    )
    fresh_process: Literal["object", "job"] | None = Field(
        None,
        description="a method's process plays one session (object) or all sessions of its job (job); null: object "
        "where plug-ins and programs play objects several times, so that no process remembers another replicate's "
        "strokes (files that a method leaves in /dev/shm stay)",
    )
    scribbles_on: Literal["initial", "current"] = Field(
        "current", description="the result that is corrected: initial (shared scribbles) or current (own)"
    )
    begin: Literal["auto", "box", "scribbles", "points", "mask", "nothing"] = Field(
        "auto",
        description="what the user gives first; auto: a box, or the prompts of corrections if a method takes no box",
    )
    initial_from: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*(@[A-Za-z0-9][\w.-]*)?$")] | None = Field(
        None,
        description="with begin: mask, where the masks come from: manifest (its column initial), or the last result "
        "before any correction of an entry of the same run, METHOD@NETWORK",
    )
    undo: bool = Field(
        False, description="the user takes back a correction that made more visible error; a round of its own"
    )
    correct: Literal["scribbles", "points", "nothing"] = Field(
        "scribbles",
        description="what the user corrects with; points are the clicked voxels of a click policy",
    )
    window: Literal["box", "image"] = Field(
        "box", description="where results may lie and the user looks: inside the robot's box, or anywhere"
    )
    disturb: Disturb | None = Field(
        None, description="an axis along which box, strokes or image are disturbed, and its levels"
    )

    def __init__(self, **rules: Any) -> None:
        try:
            super().__init__(**rules)
        except ValidationError as error:
            raise InputError(first_problem(error)) from error

    @model_validator(mode="after")
    def _rules_fit_together(self) -> Self:
        """Refuse keys that contradict each other: one policy draws all prompts, and each key needs its partner."""
        if (self.begin == "mask") != (self.initial_from is not None):
            raise ValueError("'begin: mask' and 'initial_from' belong together; write both or neither")
        if self.undo and self.scribbles_on == "initial":
            raise ValueError("'undo: true' needs 'scribbles_on: current'")
        opens = self.begin in ("scribbles", "points")
        if opens and self.correct not in (self.begin, "nothing"):
            raise ValueError(
                f"one policy draws all: with 'begin: {self.begin}' write 'correct: {self.begin}' or 'nothing'"
            )
        if self.correct == "nothing" and self.rounds != int(opens):
            raise ValueError(
                f"with 'correct: nothing' and 'begin: {self.begin}' write 'rounds: {int(opens)}'"
            )
        if self.draws == "points" and self.policy not in CLICK_POLICIES:
            raise ValueError(
                f"points need a policy that clicks: write 'policy: {' or '.join(CLICK_POLICIES)}'"
            )
        if self.disturb and (fault := undrawn(self.disturb.axis, self.begin, self.draws, self.rounds)):
            raise ValueError(fault)
        return self

    @property
    def draws(self) -> Drawn:
        """The prompts that the robot's policy draws: `scribbles` or `points`."""
        return "points" if "points" in (self.begin, self.correct) else "scribbles"

    @property
    def disturbance(self) -> tuple[str, int]:
        """The values of the columns `disturbance` and `level`: ("", 0) for a card without `disturb`."""
        return (self.disturb.axis, self.disturb.levels[0]) if self.disturb else ("", 0)

    @property
    def box_label(self) -> str:
        """The value of the column `box`; sessions with equal values begin with the same prompt and window."""
        given = self.box if self.begin in ("auto", "box") else self.begin
        return given if self.window == "box" else f"{given}{IN_IMAGE}"


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
        description="the program cannot read the cohort's files; false for one that confines itself",
    )
    image: str | None = Field(
        None,
        description="container image in which the command runs: a name for podman or docker, the path of a .sif file "
        "for apptainer ({card}/model.sif); without a command the image's own program runs",
    )
    gpu: bool = Field(False, description="whether the container sees the GPUs")
    exchange: Literal["messages", "grand-challenge"] = Field(
        "messages",
        description="messages: the program answers line by line; grand-challenge: its container is started anew for "
        "each result, reads /input and writes /output",
    )
    online: bool = Field(
        False,
        description="the method may use the network, as one with a server of its own must; the scores say so",
    )
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="keyword arguments of the class, or the settings in a program's first message",
    )
    plays: Plays | None = Field(None, description="where it can play: needed under a pattern such as *")
    trained_on: TrainedOn | None = Field(
        None,
        description="unknown, nothing, or the training data; null: nothing for a method of bifseg, otherwise unknown",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        """Refuse a card of no kind or several (class, program, container), and keys of another kind."""
        if (self.method is None) == (not self.command and self.image is None):
            raise ValueError("give either 'method' or 'command', or the 'image' of a container")
        if self.image is None and (self.gpu or self.exchange != "messages"):
            raise ValueError("'gpu' and 'exchange' need a container; add its 'image'")
        if self.image is not None and any("{card}" in word for word in self.command):
            raise ValueError("the container does not see {card}; put the file into the image")
        if self.exchange != "messages" and (self.plays is None or self.settings.get("result") is None):
            raise ValueError("'exchange: grand-challenge' needs 'plays', and 'settings' with a 'result'")
        return self


class NetworkCard(Card):
    """A base CNN and its training."""

    architecture: Name = Field(
        description="pnet, fcn or unet (2D); pcnet, deepmedic or highres3dnet (3D); torchscript or monai-bundle"
    )
    dimension: Literal[2, 3] | None = Field(
        None,
        description="dimension of the network's images; a cohort of another dimension is refused before any job",
    )
    channels: list[Name] = Field(
        default_factory=list,
        description="channels that the network takes, in this order, as [flair, t1c], each normalised by itself; "
        "empty: the structure's own alone. A case that lacks one is neither trained on nor played",
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
        default_factory=dict, description="fine-tuning settings chosen on seen training data for this network"
    )
    training: TrainingCard = TrainingCard()
    trained_on: TrainedOn | None = Field(
        None,
        description="for 'weights' from elsewhere: unknown, nothing, or the training data; null: as stated in the "
        "card.json next to the weights, otherwise unknown. For a network that is trained here, leave it out",
    )
    seeds: Annotated[int, Field(gt=0, le=100)] = Field(
        1,
        description="networks to train, each from another seed: NAME, NAME.seed-2, ...; every entry plays with each",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.channels)) < len(self.channels):
            raise ValueError("'channels' names a channel twice; name each once")
        if self.seeds > 1 and self.weights is not None:
            raise ValueError("a network with 'weights' is not trained here; remove 'seeds'")
        if self.trained_on is not None and self.weights is None:
            raise ValueError(
                "'trained_on' is only for 'weights' from elsewhere; remove it, the training writes it"
            )
        return self


C = TypeVar("C", bound=Card)


def read_card(kind: type[C], path: Path) -> C:
    """The card in a YAML file.

    Args:
        kind: class of the card.
        path: the file; its name is the card's name.

    Returns:
        The card with defaults for the keys that the file leaves out.

    Raises:
        InputError: the file cannot be read, or a key or value is wrong; the message names both.
    """
    content = read_mapping(path)
    try:
        return kind(**content)
    except ValidationError as error:
        raise InputError(f"{path}: {first_problem(error)}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


_PLAIN = {"extra_forbidden": "unknown key; correct its name or remove it", "missing": "is missing; add it"}


def first_problem(error: ValidationError) -> str:
    """The first problem of a pydantic error, as a text for a message.

    Args:
        error: the error of a card or of settings.

    Returns:
        Key, fault and value, at most about 270 characters.
    """
    problem = error.errors()[0]
    if told := _PLAIN.get(problem["type"]):
        return f"{short('.'.join(map(str, problem['loc'])), 60)}: {told}"
    key = short(".".join(str(part) for part in problem["loc"]) or "card", 60)
    value = problem.get("input")
    given = "" if isinstance(value, dict) else f" (is {short(repr(value), 60)})"
    return f"{key}: {short(problem['msg'].removeprefix('Value error, '), 140)}{given}"
