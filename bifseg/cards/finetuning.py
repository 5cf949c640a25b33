"""Every setting of image-specific fine-tuning (Wang et al. 2018, section III-C)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from bifseg.cards.card import Card, Precision
from bifseg.cards.cards import first_problem
from bifseg.core.errors import InputError

_BY_DIMENSION: dict[int, dict[str, Any]] = {
    2: {
        "strength": 2.5, "strength_one_label": 1.0, "strength_alone": 1.0, "strength_side": 48, "sigma": 1.0, "t1": 0.7,
        "largest_share": 0.05, "scribbles_share": 0.1,
    },
    3: {
        "strength": 0.5, "strength_one_label": 0.5, "strength_alone": 0.3, "strength_side": 32, "sigma": 0.7, "t1": 0.6,
        "largest_share": 0.1, "scribbles_share": None,
    },
}  # fmt: skip


class FineTuning(Card):
    """Settings of label update and network update. `defaults` gives the values for 2D and 3D.

    The defaults were chosen on real and simulated images (docs/real-images.md). docs/method.md compares them with the
    paper's values, which could not be checked.
    """

    strength: Annotated[float, Field(ge=0)] = Field(
        description="lambda, the weight of the pairwise term, once there are scribbles of both labels"
    )
    strength_one_label: Annotated[float, Field(ge=0)] = Field(
        description="lambda while all scribbles have the same label, when none holds what the min-cut should not take"
    )
    strength_alone: Annotated[float, Field(ge=0)] = Field(
        description="lambda before any scribble, when no constraint keeps a small object from being smoothed away"
    )
    strength_side: Annotated[int, Field(gt=0)] | None = Field(
        description="the crop's side (2D: shorter, 3D: longest) at which lambda holds; lambda grows with the side; "
        "null: the same lambda at every size (the paper's)"
    )
    kept_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.8,
        description="before any scribble, lambda is halved until the label update keeps at least this share of the "
        "number of voxels that the network calls foreground; 0: no bound (the paper's)",
    )
    sigma: Annotated[float, Field(gt=0)] = Field(
        description="intensity difference at which a boundary becomes cheap, in the unit of sigma_unit"
    )
    sigma_unit: Literal["neighbours", "range"] = Field(
        "neighbours",
        description="neighbours: the root mean square difference of neighbours in the crop; "
        "range: the crop's range of intensities (the paper's)",
    )
    full_neighbourhood: bool = Field(True, description="8 or 26 neighbours; false: 4 or 6")
    t0: Annotated[float, Field(ge=0, le=1)] = Field(
        0.2, description="the network is uncertain above t0 (and below t1)"
    )
    t1: Annotated[float, Field(ge=0, le=1)] = Field(
        description="the network is uncertain below t1 (and above t0)"
    )
    eps: Annotated[float, Field(ge=0)] = Field(
        0.2, description="geodesic distance within which a scribble casts doubt on labels"
    )
    conflict: Literal["conflict", "all", "off"] = Field(
        "conflict", description="U_s: voxels near a scribble of the other label, near any scribble, or none"
    )
    largest_share: Annotated[float, Field(ge=0, le=1)] = Field(
        description="U_s takes at most this share of a label's voxels, the nearest first; 1: all (the paper's)",
    )
    omega: Annotated[float, Field(ge=0)] = Field(5.0, description="weight of scribbled voxels")
    scribbles_share: Annotated[float, Field(ge=0)] | None = Field(
        description="the scribbles of a label weigh together at most this share of what its other voxels weigh, so "
        "omega falls, at most to 1, on long scribbles of small objects; null: no bound (the paper's)",
    )
    weighted: bool = Field(True, description="false: w = 1 everywhere, BIFSeg(-w)")
    anchor: Annotated[float, Field(ge=0)] = Field(
        0.3,
        description="weight that ties each voxel to the trained network's probability; 0: the paper's",
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(
        0.03, description="step size of the gradient descent"
    )
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.9, description="momentum of the gradient descent")
    iterations: Annotated[int, Field(ge=0)] = Field(80, description="gradient steps per network update")
    precision: Precision = Field(
        "float32",
        description="arithmetic of the classifier and its gradients in these steps; all else stays float32",
    )
    alternations: Annotated[int, Field(gt=0)] = Field(1, description="label and network updates per round")
    restart: bool = Field(
        True,
        description="each round starts from the trained classifier; false: from the classifier of the last round",
    )

    @classmethod
    def defaults(cls, dimension: int, **changes: Any) -> FineTuning:
        """The settings for 2D or 3D images, with changes.

        Args:
            dimension: 2 or 3.
            **changes: settings by name, which replace the defaults.

        Returns:
            All settings.

        Raises:
            pydantic.ValidationError: a change is unknown or out of range.
        """
        return cls(**{**_BY_DIMENSION[dimension], **changes})

    @classmethod
    def checked(cls, changes: dict[str, Any]) -> dict[str, Any]:
        """Settings of a card or a method, checked.

        Args:
            changes: settings by name.

        Returns:
            `changes` itself.

        Raises:
            InputError: a setting is unknown or out of range; the message names the first one.
        """
        try:
            cls.defaults(2, **changes)
        except ValidationError as error:
            raise InputError(f"finetuning.{first_problem(error)}") from error
        return changes
