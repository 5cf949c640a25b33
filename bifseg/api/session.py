"""One session played in this process: `bifseg.simulate`, and the `Session` that it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bifseg.cards.capabilities import misplaced
from bifseg.cards.cards import ProtocolCard
from bifseg.core.errors import InputError
from bifseg.core.geometry import Image, Mask
from bifseg.core.metrics import DEFAULT_TOLERANCE_MM
from bifseg.methods.contract import Method
from bifseg.sessions.game import play
from bifseg.sessions.record import Identity
from bifseg.sessions.record import Session as SessionRecord
from bifseg.sessions.users import SimulatedUser

if TYPE_CHECKING:  # neither pandas nor matplotlib is needed to play
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Session:
    """A session with the image and the truth that it was played on.

    Attributes:
        image: the image.
        truth: bool array of the image's shape.
        record: every prompt, mask and second of the session.
        tolerance_mm: distance that counts as no error for this structure, for `nsd`.
    """

    image: Image
    truth: Mask
    record: SessionRecord
    tolerance_mm: float = DEFAULT_TOLERANCE_MM

    @property
    def ended(self) -> str:
        """Why the session ended: one of the values of `sessions.record.Ending`."""
        return self.record.ended

    @property
    def error(self) -> str:
        """What went wrong, in one line; empty if nothing did."""
        return self.record.error

    def result(self, round: int | None = None) -> Mask:
        """The result after a round.

        Args:
            round: its number; 0 is the last result before any scribbles, None the last result of all.

        Returns:
            Bool array of the image's shape.

        Raises:
            InputError: the session has no result of this round.
        """
        return self.record.box.paste(self.record.steps[self._last_of(round)].mask, self.record.grid.shape)

    def scores(self) -> pd.DataFrame:
        """A row a step: every metric, and the effort and seconds spent up to and including the step.

        Returns:
            The columns of docs/results.md. A session that failed has one row more, which scores as an empty result.
        """
        from bifseg.analysis.scores import score_session, to_frame

        return to_frame(score_session(self.record, self.truth, self.record.identity.case, self.tolerance_mm))

    def show(self, round: int | None = None, axis: int | None = None, index: int | None = None) -> Figure:
        """The image, and beside it truth, result, box and all strokes up to a round.

        Args:
            round: its number; 0 is the last result before any scribbles, None the last result of all.
            axis: of a volume, the array axis (0 is z) across which the slice lies; by default the one whose slice
                holds the most scribbles.
            index: of the slice along `axis`; by default the slice with the most scribbles, or the most truth.

        Returns:
            A matplotlib figure that a notebook shows as it is; `savefig` keeps it.

        Raises:
            InputError: the session has no result of this round, or the image no such slice.
        """
        from bifseg.reports.session_pictures import Panel, add_legend, session_figure, slice_plane, step_panel

        panels = [Panel("image"), step_panel(self.truth, self.record, self._last_of(round))]
        plane = slice_plane(self.truth, self.record, axis, index)
        figure = session_figure(self.image, self.truth, self.record, panels, plane)
        add_legend(figure)
        return figure

    def _last_of(self, round: int | None) -> int:
        """The place of a round's last step."""
        steps = self.record.steps
        places = [k for k, step in enumerate(steps) if round is None or step.round == round]
        if not places:
            rounds = sorted({step.round for step in steps})
            have = f"it has rounds {rounds[0]} to {rounds[-1]}" if rounds else f"it has none: {self.error}"
            raise InputError(f"round {round}: the session has no result of it; {have}")
        return places[-1]


def simulate(
    method: Method,
    image: Image,
    truth: Mask,
    *,
    protocol: ProtocolCard | None = None,
    seed: int = 0,
    box_margin: int = 10,
    name: str = "",
    structure: str = "",
    tolerance_mm: float = DEFAULT_TOLERANCE_MM,
) -> Session:
    """One session of a method with the simulated user, played in this process.

    The method gets the image, the box and the scribbles; it is not kept from reading files, and the protocol's
    `time_limit_s` is not enforced. `bifseg run` does both, in a process of its own.

    Args:
        method: an object with `dimensions`, `prompts`, `start` and, if it takes scribbles, `refine`.
        image: the image, 2D or 3D.
        truth: bool array of the image's shape with at least one voxel.
        protocol: the rules; by default those of `bifseg.Protocol()`.
        seed: the same seed draws the same box and scribbles.
        box_margin: voxels; each side of the box lies 0 to `box_margin` voxels outside the truth.
        name: of the method in the scores; by default that of its class.
        structure: name of the structure in the scores.
        tolerance_mm: distance that counts as no error for this structure, for `nsd`.

    Returns:
        The session. A method that raises ends it as `failed`, with the reason in `error`.

    Raises:
        InputError: the truth is empty or does not fit the image, or the method cannot play here.

    Examples:
        >>> import numpy as np
        >>> import bifseg as bs
        >>> class Threshold:
        ...     dimensions, prompts = frozenset({2, 3}), frozenset({"box", "scribbles"})
        ...     def start(self, image, box):
        ...         self.bright = box.paste(image.voxels[box.slices] > 50, image.voxels.shape)
        ...         return self.bright
        ...     def refine(self, scribbles):
        ...         return self.bright & ~scribbles.background | scribbles.foreground
        >>> truth = np.zeros((40, 40), bool)
        >>> truth[10:30, 12:28] = True
        >>> image = bs.Image(np.where(truth, 100, 0).astype(np.float32), bs.Grid.plain(truth.shape))
        >>> session = bs.simulate(Threshold(), image, truth, protocol=bs.Protocol(rounds=3, target=0.9))
        >>> session.ended
        'target'
        >>> session.scores()[["step", "dice"]].to_dict("records")
        [{'step': 'initial', 'dice': 1.0}]
    """
    rules = protocol or ProtocolCard()
    _check(method, image, truth, rules)
    identity = Identity(
        method=name or type(method).__name__,
        structure=structure,
        dimension=truth.ndim,
        policy=rules.policy,
        box=rules.box_label,
        user=rules.user,
    )
    user = SimulatedUser(image, truth, rules, box_margin, seed, seed_key=identity.seed_key)
    return Session(image, truth, play(user, method, identity=identity), tolerance_mm)


def _check(method: Method, image: Image, truth: Mask, rules: ProtocolCard) -> None:
    """Raises InputError where `simulate` does."""
    if truth.dtype != bool or truth.shape != image.voxels.shape:
        raise InputError(
            f"truth: {truth.dtype} {truth.shape}; give a bool array of the image's shape {image.voxels.shape}"
        )
    if not truth.any():
        raise InputError("truth: has no voxel; the simulated user needs an object")
    if not isinstance(method, Method):
        raise InputError(f"method: {type(method).__name__} lacks dimensions, prompts, start or refine")
    reason = misplaced(method.dimensions, method.prompts, truth.ndim, rules)
    if reason:
        raise InputError(f"method: {type(method).__name__} {reason}")
