"""Dice: overlap of result and truth."""

from bifseg.core import overlap
from bifseg.core.metrics.mask_pair import MaskPair
from bifseg.core.metrics.metric import metric


@metric(
    name="Dice",
    column="dice",
    unit="share",
    better="higher",
    range=(0, 1),
    empty_truth=0,
    empty_result=0,
    both_empty=1,
    definition="2|A∩B| / (|A|+|B|) of result A and truth B.",
    source="Dice, Ecology 1945",
    order=10,
)
def dice(pair: MaskPair) -> float:
    """Dice of the pair.

    Args:
        pair: result and truth, neither empty.

    Returns:
        A share from 0 to 1.
    """
    return overlap.dice(pair.result, pair.truth)
