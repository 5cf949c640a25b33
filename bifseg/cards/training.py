"""The settings of a base network's training."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bifseg.cards.card import Card, Positive, Precision

Share = Annotated[float, Field(ge=0, le=1)]


class AugmentationCard(Card):
    """Random changes of training crops: ours, the paper has none. A share is the share of crops that are changed."""

    contrast: Share = Field(0.2, description="share with intensities mapped by a random rising curve")
    invert: Share = Field(0.0, description="share with inverted intensities")
    flatten: Share = Field(0.0, description="share in which the object moves towards its mean intensity")
    repaint: Share = Field(0.0, description="share in which the object gets a random brightness and texture")
    field: Share = Field(0.3, description="share with an added smooth field, like that of a receive coil")
    blur: Share = Field(0.0, description="share that is blurred, by 0.3 to 1.2 voxels")
    noise: Share = Field(0.3, description="share with added noise, up to 0.3 standard deviations")
    scale: Annotated[float, Field(ge=0, lt=1)] = Field(0.1, description="size: times exp(U(-scale, scale))")
    margin: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(gt=0)]] = Field(
        (1.0, 1.0), description="the cohort's box_margin is multiplied by a factor between these two"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.margin[0] > self.margin[1]:
            raise ValueError("margin: write the smaller factor first")
        return self


class TrainingCard(Card):
    """The training of a base network. The defaults of SGD are ours; the paper's values could not be checked."""

    optimizer: Literal["sgd", "adam"] = "sgd"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    halve_every: Positive = Field(5000, description="iterations after which the learning rate is halved")
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.99
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    iterations: Positive = 80_000
    precision: Precision = Field(
        "float32", description="arithmetic of the network and its gradients; weights and loss stay float32"
    )
    batch: Positive = Field(1, description="crops per iteration, padded to a common shape")
    normalisation: Literal["auto", "per-image", "training"] = Field(
        "auto",
        description="per-image: by each image's mean and standard deviation over its voxels that are not 0; training: "
        "by those of all training images of the modality; auto: training for the modality ct, otherwise per-image",
    )
    flip: bool = Field(False, description="random flips of the crop along each axis; ours")
    augmentation: AugmentationCard | None = Field(
        None, description="random changes of the crops; ours. null: none, as in the paper"
    )
    average: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0,
        description="decay of the moving average of the weights that is validated and stored; ours. 0: the weights of "
        "the last iteration",
    )
    validate_every: Positive = Field(1000, description="iterations between validations and checkpoints")
    validation_boxes: Positive = Field(
        3, description="boxes in which each validation object is segmented; their mean Dice counts"
    )
