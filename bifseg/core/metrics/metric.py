"""Metrics: a function of a `MaskPair`, with the description that tables and the report show."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal

from bifseg.core.errors import InputError
from bifseg.core.metrics.mask_pair import MaskPair, Worst

EdgeCase = Literal["empty truth", "empty result", "both empty"]
EdgeValue = float | Literal["worst", "measured"]


@dataclass(frozen=True, kw_only=True)
class MetricInfo:
    """The description of a metric, which a run folder keeps.

    Attributes:
        name: name in tables and the report.
        column: column of the scores: lower-case letters, digits and underscores.
        unit: `share` for 0 to 1, which tables show in per cent; `mm`, `voxels`, or any other; empty for none.
        better: whether `higher` or `lower` values are better.
        range: smallest and largest possible value.
        empty_truth: value if only the truth is empty; `worst` is the `Worst` distance, `measured` what the function
            gives for such a pair.
        empty_result: value if only the result is empty.
        both_empty: value if both masks are empty.
        definition: one or two sentences, with the formula.
        source: paper or program that defines the metric.
        in_tables: whether the tables of results show it; scores and definitions always do.
        needs_mm: whether it depends on distances in mm, so that it has no value for images without a spacing. True
            for every metric of the unit mm.
        order: columns of scores and tables are sorted by this number, then by `column`.
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
        """Raise InputError if the description contradicts itself."""
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
            if not isinstance(value, str) and not self.range[0] <= value <= self.range[1]:
                raise InputError(
                    f"metric {self.column}: the edge case {value} is outside its range {self.range}"
                )

    @property
    def is_in_mm(self) -> bool:
        """Whether the metric has no value for an image without a spacing."""
        return self.needs_mm or self.unit == "mm"

    @property
    def header(self) -> str:
        """Name and unit as a table's header, for example `Dice (%)`."""
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
        """The metric's value in an edge case.

        Args:
            case: which of the masks are empty.
            worst: distances that replace the word `worst`.

        Returns:
            The value, in the metric's unit; NaN for one that is `measured`.
        """
        value = self.edge_cases[case]
        if value == "measured":
            return math.nan
        if value == "worst":
            return worst.px if self.unit == "voxels" else worst.mm
        return float(value)

    def to_record(self) -> dict[str, Any]:
        """The description for JSON.

        Returns:
            Values by attribute; an infinite end of the range is None.
        """
        record = {field.name: getattr(self, field.name) for field in fields(MetricInfo)}
        return record | {"range": [end if math.isfinite(end) else None for end in self.range]}

    @staticmethod
    def from_record(record: dict[str, Any]) -> MetricInfo:
        """The description from its record.

        Args:
            record: dict of `to_record`.

        Returns:
            The description, without the function that measures.
        """
        low, high = record["range"]
        whole = (-math.inf if low is None else low, math.inf if high is None else high)
        return MetricInfo(**record | {"range": whole})


@dataclass(frozen=True, kw_only=True)
class Metric(MetricInfo):
    """A metric: its description and the function that measures a pair of masks.

    Attributes:
        measure: gives the value of a pair, in the metric's unit.
    """

    measure: Callable[[MaskPair], float]

    def __call__(self, pair: MaskPair) -> float:
        """The metric of two masks.

        Args:
            pair: result and truth, neither empty; `score` handles empty ones.

        Returns:
            The value, in the metric's unit and within its range.

        Raises:
            InputError: the function fails, or its value is outside `range`.
        """
        try:
            value = float(self.measure(pair))
        except Exception as error:  # a user's function may raise anything
            raise InputError(
                f"metric {self.column}: {type(error).__name__}: {error}; correct its function"
            ) from error
        if not self.range[0] <= value <= self.range[1]:
            raise InputError(
                f"metric {self.column}: {value} is outside its range {self.range}; correct its function"
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
