"""Every parameter of image-specific fine-tuning (Wang et al. 2018, section III-C)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from bifseg.cards.cards import Card, first_problem
from bifseg.core.errors import InputError


class FineTuning(Card):
    """Every parameter of the method. `defaults` gives the values for 2D and 3D."""

    strength: Annotated[float, Field(ge=0)] = Field(description="lambda: weight of the pairwise term")
    sigma: Annotated[float, Field(gt=0)] = Field(
        0.1, description="contrast at which a boundary becomes cheap"
    )
    t0: Annotated[float, Field(ge=0, le=1)] = Field(0.2, description="the network is uncertain above t0")
    t1: Annotated[float, Field(ge=0, le=1)] = Field(description="and below t1")
    eps: Annotated[float, Field(ge=0)] = Field(
        0.2, description="geodesic distance that a scribble speaks for"
    )
    omega: Annotated[float, Field(ge=0)] = Field(5.0, description="weight of scribbled voxels")
    conflict: Literal["conflict", "all", "off"] = Field(
        "conflict", description="U_s: voxels near a scribble of the other label, near any scribble, or none"
    )
    weighted: bool = Field(True, description="False: w = 1 everywhere, BIFSeg(-w)")
    full_neighbourhood: bool = Field(False, description="8 or 26 neighbours instead of 4 or 6")
    learning_rate: Annotated[float, Field(gt=0)] = 1e-2
    iterations: Annotated[int, Field(ge=0)] = Field(20, description="gradient steps per network update")
    alternations: Annotated[int, Field(gt=0)] = Field(1, description="label and network updates per round")

    @classmethod
    def defaults(cls, dimension: int, **changes: Any) -> FineTuning:
        """The settings for 2D or 3D, some of them changed: lambda 3 and t1 0.7, lambda 10 and t1 0.6."""
        values = {2: {"strength": 3.0, "t1": 0.7}, 3: {"strength": 10.0, "t1": 0.6}}[dimension]
        return cls(**{**values, **changes})

    @classmethod
    def checked(cls, changes: dict[str, Any]) -> dict[str, Any]:
        """The changes themselves; raises InputError, naming the first one that is wrong."""
        try:
            cls.defaults(2, **changes)
        except ValidationError as error:
            raise InputError(f"finetuning.{first_problem(error)}") from error
        return changes
