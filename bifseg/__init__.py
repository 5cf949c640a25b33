"""Interactive medical image segmentation, evaluated headless over cohorts (BIFSeg and any other method).

`import bifseg as bs` offers what a notebook or a plug-in needs; each name is loaded when it is first used, so that
the command line and the Snakefile do not wait for torch or pandas.

Examples:
    >>> import numpy as np
    >>> import bifseg as bs
    >>> truth = np.zeros((6, 6), bool)
    >>> truth[1:5, 1:5] = True
    >>> bs.score(truth, truth, (1.0, 1.0))["dice"]
    1.0
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from bifseg.api.images import read_image, read_mask
    from bifseg.api.runs import Run, compare, interactions_to_target, rank, read_run, read_scores
    from bifseg.api.session import Session, simulate
    from bifseg.cards.cards import ProtocolCard as Protocol
    from bifseg.cohorts.cohort import Cohort
    from bifseg.core.errors import InputError
    from bifseg.core.geometry import Box, Grid, Image, Mask
    from bifseg.core.metrics import score
    from bifseg.core.scribbles import Scribbles, Stroke
    from bifseg.methods.contract import Method

__all__ = [
    "Box",
    "Cohort",
    "Grid",
    "Image",
    "InputError",
    "Mask",
    "Method",
    "Protocol",
    "Run",
    "Scribbles",
    "Session",
    "Stroke",
    "compare",
    "interactions_to_target",
    "rank",
    "read_image",
    "read_mask",
    "read_run",
    "read_scores",
    "score",
    "simulate",
]

_HOMES = {
    "api.images": ("read_image", "read_mask"),
    "api.runs": ("Run", "compare", "interactions_to_target", "rank", "read_run", "read_scores"),
    "api.session": ("Session", "simulate"),
    "cards.cards": ("ProtocolCard",),
    "cohorts.cohort": ("Cohort",),
    "core.errors": ("InputError",),
    "core.geometry": ("Box", "Grid", "Image", "Mask"),
    "core.metrics": ("score",),
    "core.scribbles": ("Scribbles", "Stroke"),
    "methods.contract": ("Method",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """A name of `__all__`, imported at its first use.

    Args:
        name: a name of `__all__`, or `__version__`.

    Returns:
        The class, function or type, or the version as text.

    Raises:
        AttributeError: bifseg has no such name.
    """
    if name == "__version__":
        return import_module("importlib.metadata").version("bifseg")
    if name not in __all__:
        raise AttributeError(f"module 'bifseg' has no attribute '{name}'")
    inside = "ProtocolCard" if name == "Protocol" else name
    value = getattr(import_module(f"bifseg.{_HOME_OF[inside]}"), inside)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The module's names, for completion.

    Returns:
        Sorted names, those that are not imported yet included.
    """
    return sorted({*globals(), *__all__})
