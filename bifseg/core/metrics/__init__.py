"""Metrics of a result: one file each; a new file, or a module named in the configuration, adds one."""

from bifseg.core.metrics.mask_pair import MaskPair, Worst
from bifseg.core.metrics.metric import Metric, MetricInfo, metric
from bifseg.core.metrics.registry import built_in, describe, higher_is_better, known, with_own
from bifseg.core.metrics.score import edge_scores, score
from bifseg.core.overlap import DEFAULT_TOLERANCE_MM

__all__ = [
    "DEFAULT_TOLERANCE_MM",
    "MaskPair",
    "Metric",
    "MetricInfo",
    "Worst",
    "built_in",
    "describe",
    "edge_scores",
    "higher_is_better",
    "known",
    "metric",
    "score",
    "with_own",
]
