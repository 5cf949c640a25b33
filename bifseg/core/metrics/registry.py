"""The known metrics: one file each in this folder, and those of users' modules."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache

from bifseg.core.errors import InputError
from bifseg.core.metrics.metric import Metric, MetricInfo
from bifseg.core.plug_ins import imported

_described: dict[str, MetricInfo] = {}  # metrics of users' modules and of runs that were read, by column


@cache
def built_in() -> tuple[Metric, ...]:
    """The metrics of this folder.

    Returns:
        Metrics in the order of their columns.
    """
    package = importlib.import_module(__package__ or "")
    modules = (
        importlib.import_module(f"{__package__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)
    )
    return _in_order(
        value for module in modules for value in vars(module).values() if isinstance(value, Metric)
    )


def with_own(names: Iterable[str] = ()) -> tuple[Metric, ...]:
    """The metrics of this folder, then those that a configuration names.

    Args:
        names: `module:attribute` of each, with the module on BIFSEG_PATH or PYTHONPATH.

    Returns:
        Metrics; those that a configuration names are sorted among themselves.

    Raises:
        InputError: a name cannot be imported or is not a metric, or two metrics have the same column.
    """
    own = _in_order(_load(name) for name in names)
    describe(own)
    columns = [metric.column for metric in (*built_in(), *own)]
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise InputError(f"metrics: two have the column '{twice[0]}'; give yours another")
    return built_in() + own


def describe(metrics: Iterable[MetricInfo]) -> None:
    """Make descriptions of metrics known to this process, for tables and reports.

    Args:
        metrics: those of a user's module, or of a run's `metrics.json`.
    """
    _described.update({metric.column: metric for metric in metrics})


def known() -> dict[str, MetricInfo]:
    """The descriptions of all known metrics.

    Returns:
        Descriptions by column: those of bifseg, then those of `describe`.
    """
    own = {metric.column: metric for metric in built_in()}
    return own | {column: metric for column, metric in _described.items() if column not in own}


def higher_is_better(column: str) -> bool:
    """Whether higher values of a column of the scores are better.

    Args:
        column: a metric, effort or time.

    Returns:
        False for effort and time, and for unknown columns.
    """
    metric = known().get(column)
    return metric is not None and metric.better == "higher"


def _load(name: str) -> Metric:
    if ":" not in name:
        raise InputError(f"metrics: {name}: write it as module:attribute, for example my_metrics:recall")
    try:
        metric = imported(name)
    except ImportError as error:
        raise InputError(f"metrics: {name} cannot be imported: {error}") from error
    if not isinstance(metric, Metric):
        raise InputError(f"metrics: {name} is not a metric; make it one with bifseg.core.metrics.metric")
    return metric


def _in_order(metrics: Iterable[Metric]) -> tuple[Metric, ...]:
    return tuple(sorted(set(metrics), key=lambda metric: (metric.order, metric.column)))
