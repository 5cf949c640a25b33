"""The answers of a method's process: lines of JSON, of which nothing is trusted."""

from __future__ import annotations

import json
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bifseg.cards.cards import first_problem
from bifseg.core.errors import short
from bifseg.core.geometry import Box, Index
from bifseg.methods.contract import ContractError

Amount = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
"""Seconds or MiB."""
Text = Annotated[str, AfterValidator(lambda text: short(" ".join(text.split()), 300))]
"""A text that can be shown and stored: a control character changes a terminal, half a character fits no table."""


class Window(BaseModel):
    """The part of the image that a result file holds; everything outside is background.

    Attributes:
        lower, upper: first voxel and the one after the last per axis, in array order.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    lower: list[int]
    upper: list[int]

    def box(self, shape: Index) -> Box:
        """The window as a box.

        Args:
            shape: of the image, (z, y, x) or (y, x).

        Returns:
            A box of at least one voxel inside the image.

        Raises:
            ContractError: it is none.
        """
        inside = len(self.lower) == len(self.upper) == len(shape) and all(
            0 <= first < end <= n for first, end, n in zip(self.lower, self.upper, shape, strict=True)
        )
        if not inside:
            raise ContractError(
                f"window: must lie in the image of {tuple(shape)}, is {str((self.lower, self.upper))[:100]}"
            )
        return Box(tuple(self.lower), tuple(self.upper))


class Answer(BaseModel):
    """The answer of a process; other keys are ignored.

    Attributes:
        error: why the call failed.
        bad_input: why the method's card is wrong; in the first answer only.
        seconds: spent since `start`.
        reused_s: seconds that this call saved by results of earlier sessions; `seconds` include them.
        peak_mb: highest memory since `start` of the process (`rss`) and of the GPU (`gpu`).
        weights: hash of the network's weights, in the answer to `weights`.
        window: part of the image that the result file holds; None: the whole image.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    error: Text = ""
    bad_input: Text = ""
    seconds: dict[str, Amount] = Field(default_factory=dict)
    reused_s: Amount = 0.0
    peak_mb: dict[str, Amount] = Field(default_factory=dict)
    weights: Annotated[str, Field(pattern=r"^[0-9a-f]{0,64}$")] = ""
    window: Window | None = None


class Opening(Answer):
    """The first answer.

    Attributes:
        dimensions: of the images that the method takes: 2, 3 or both.
        prompts: what the method takes beside the image: "box", "scribbles".
        adapts: whether the method has an unsupervised step.
        bytes_per_voxel: memory that the method needs for each voxel of the box; 0 if unknown.
        undoes: whether the method takes back its last round by itself.
        encodes: whether it answers `encode` with an encoding of the image.
    """

    dimensions: Annotated[list[Literal[2, 3]], Field(min_length=1)]
    prompts: Annotated[list[Text], Field(max_length=50)]
    adapts: bool
    bytes_per_voxel: Amount = 0.0
    undoes: bool = False
    encodes: bool = False


A = TypeVar("A", bound=Answer)


def read_answer(kind: type[A], line: str) -> A:
    """The answer in a line of JSON.

    Args:
        kind: `Opening` for the first answer, `Answer` for the others.
        line: JSON as the process wrote it.

    Returns:
        The checked answer. One that only says why the method failed to open gets placeholders for its other keys.

    Raises:
        ContractError: the line is no JSON, or a value is missing or wrong; the message names the key and the value.
    """
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ContractError(
            f"the method's process answered with a line that is no JSON: {short(line, 100)}"
        ) from error
    if kind is Opening and isinstance(content, dict) and (content.get("error") or content.get("bad_input")):
        content = {"dimensions": [2], "prompts": [], "adapts": False, **content}
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        if problem["type"] == "missing":
            raise ContractError(f"the method's process does not say its {problem['loc'][0]}") from error
        raise ContractError(
            f"the method's process gave a wrong answer: {first_problem(error)[:200]}"
        ) from error
