"""What a metric is: a function of a `MaskPair`, and all that tables and the report say about it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal

from bifseg.core.errors import InputError
from bifseg.core.metrics.mask_pair import MaskPair, Worst

EdgeCase = Literal["empty truth", "empty result", "both empty"]
EdgeValue = float | Literal["worst"]


@dataclass(frozen=True, kw_only=True)
class MetricInfo:
    """All that is known of a metric without measuring: what a run folder keeps of it.

    Attributes:
        name: what tables and the report call it.
        column: its column of the scores: lower-case letters, digits and underscores.
        unit: `share` for 0 to 1, which tables show in per cent; `mm`, `voxels`, or any other; empty for none.
        better: whether `higher` or `lower` values are better.
        range: smallest and largest possible value.
        empty_truth: value where the result has voxels and the truth has none; `worst` is the `Worst` distance.
        empty_result: value where the truth has voxels and the result has none.
        both_empty: value where neither has voxels.
        definition: one or two sentences, with the formula.
        source: the paper or program that defines it.
        in_tables: whether the tables of results show it; scores and definitions always do.
        needs_mm: whether it is a distance, or counts distances, in mm: empty for images without a spacing. Every
            metric of the unit mm is.
        order: columns of scores and tables are sorted by this number, then by name.
    """

    name: str
    column: str
    unit: str
    better: Literal["higher", "lower"]
    range: tuple[float, float]
    empty_truth: EdgeValue
    empty_result: EdgeValue
    both_empty: EdgeValue
    definition: str
    source: str
    in_tables: bool = True
    order: int = 100
    needs_mm: bool = False

    def __post_init__(self) -> None:
        """Raises InputError for a description that contradicts itself."""
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.column):
            raise InputError(
                f"metric '{self.column}': column: use lower-case letters, digits and underscores"
            )
        if self.better not in ("higher", "lower"):
            raise InputError(f"metric {self.column}: better: '{self.better}'; write 'higher' or 'lower'")
        for value in self.edge_cases.values():
            if value == "worst" and self.unit not in ("mm", "voxels"):
                raise InputError(
                    f"metric {self.column}: 'worst' is a distance; give a number, or the unit mm or voxels"
                )
            if value != "worst" and not self.range[0] <= value <= self.range[1]:
                raise InputError(
                    f"metric {self.column}: the edge case {value} is outside its range {self.range}"
                )

    @property
    def is_in_mm(self) -> bool:
        """Whether the metric has no value for an image without a spacing."""
        return self.needs_mm or self.unit == "mm"

    @property
    def header(self) -> str:
        """Name and unit, as a table's header: `Dice (%)`."""
        unit = "%" if self.unit == "share" else self.unit
        return f"{self.name} ({unit})" if unit else self.name

    @property
    def edge_cases(self) -> dict[EdgeCase, EdgeValue]:
        """The value of each edge case."""
        return {
            "empty truth": self.empty_truth,
            "empty result": self.empty_result,
            "both empty": self.both_empty,
        }

    def edge_value(self, case: EdgeCase, worst: Worst) -> float:
        """The value of an edge case, with `worst` in the metric's unit."""
        value = self.edge_cases[case]
        if value == "worst":
            return worst.px if self.unit == "voxels" else worst.mm
        return float(value)

    def to_record(self) -> dict[str, Any]:
        """The description as JSON keeps it; an infinite end of the range is null there."""
        record = {field.name: getattr(self, field.name) for field in fields(MetricInfo)}
        return record | {"range": [end if math.isfinite(end) else None for end in self.range]}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> MetricInfo:
        """The description from its record."""
        low, high = record["range"]
        whole = (-math.inf if low is None else low, math.inf if high is None else high)
        return MetricInfo(**record | {"range": whole})


@dataclass(frozen=True, kw_only=True)
class Metric(MetricInfo):
    """A metric: its description and the function that measures a pair of masks."""

    measure: Callable[[MaskPair], float]

    def __call__(self, pair: MaskPair) -> float:
        """The metric of two masks, neither of them empty.

        Raises:
            InputError: the function fails, or its value is outside `range`.
        """
        try:
            value = float(self.measure(pair))
        except Exception as error:  # a user's function may raise anything
            raise InputError(
                f"metric {self.column}: {type(error).__name__}: {error}; mend its function"
            ) from error
        if not self.range[0] <= value <= self.range[1]:
            raise InputError(
                f"metric {self.column}: {value} is outside its range {self.range}; mend its function"
            )
        return value


def metric(**description: Any) -> Callable[[Callable[[MaskPair], float]], Metric]:
    """A decorator that turns a function of a `MaskPair` into a `Metric`.

    Args:
        **description: the attributes of `MetricInfo`.

    Returns:
        The decorator.

    Examples:
        >>> from bifseg.core.metrics import MaskPair, metric
        >>> @metric(
        ...     name="Recall", column="recall", unit="share", better="higher", range=(0, 1),
        ...     empty_truth=0, empty_result=0, both_empty=1,
        ...     definition="Share of the truth that the result holds.", source="Maier-Hein et al., 2024",
        ... )
        ... def recall(pair: MaskPair) -> float:
        ...     return (pair.result & pair.truth).sum() / pair.truth.sum()
        >>> recall.header
        'Recall (%)'
    """
    return lambda measure: Metric(measure=measure, **description)
