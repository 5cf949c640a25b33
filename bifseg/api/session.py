"""One session in this process: `bifseg.simulate`, and the `Session` that it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from bifseg.cards.capabilities import method_problem
from bifseg.cards.cards import ProtocolCard
from bifseg.core.errors import InputError
from bifseg.core.geometry import Image, Mask
from bifseg.core.metrics import DEFAULT_TOLERANCE_MM
from bifseg.core.wording import counted
from bifseg.methods.contract import Method
from bifseg.sessions.game import play
from bifseg.sessions.record import Identity
from bifseg.sessions.record import Session as SessionRecord
from bifseg.sessions.users import SimulatedUser, seen_image

if TYPE_CHECKING:  # a session needs neither pandas nor matplotlib
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Session:
    """A session with its image and truth.

    Attributes:
        image: the image that the method saw.
        truth: bool array of the image's shape.
        record: every prompt, mask and second of the session.
        tolerance_mm: distance in mm that counts as no error for this structure, for `nsd`.
        patient: in the scores; empty: the case.
        exposure: in the scores, whether the method's models had seen the object: see docs/results.md.
    """

    image: Image
    truth: Mask
    record: SessionRecord
    tolerance_mm: float = DEFAULT_TOLERANCE_MM
    patient: str = ""
    exposure: str = "unknown"

    @override
    def __repr__(self) -> str:
        # one line, since the arrays would fill pages of a notebook
        end = ", ".join(filter(None, (self.ended, self.error)))
        return f"<session of {self.record.identity.method}: {counted(len(self.record.steps), 'step')}, ended: {end}>"

    @property
    def ended(self) -> str:
        """Why the session ended: one of the values of `sessions.record.Ending`."""
        return self.record.ended

    @property
    def error(self) -> str:
        """Why the session failed or ended early, in one line; empty if it did not."""
        return self.record.error

    def result(self, round: int | None = None) -> Mask:
        """The result after a round.

        Args:
            round: number of the round; 0: the last result before any scribbles; None: the last result.

        Returns:
            Bool array of the image's shape.

        Raises:
            InputError: the session has no result of this round.
        """
        return self.record.box.paste(self.record.steps[self._last_of(round)].mask, self.record.grid.shape)

    def scores(self) -> pd.DataFrame:
        """The session's scores: every metric, and effort and seconds from the start to the end of each step.

        Returns:
            A row a step with the columns of docs/results.md. A failed session has one more row, which scores as an
            empty result.
        """
        from bifseg.analysis.scores import score_session, to_frame

        patient = self.patient or self.record.identity.case
        rows = score_session(self.record, self.truth, patient, self.tolerance_mm)
        return to_frame([row | {"exposure": self.exposure} for row in rows])

    def show(self, round: int | None = None, axis: int | None = None, index: int | None = None) -> Figure:
        """A picture of the image and, beside it, truth, result, box and all strokes up to a round.

        Args:
            round: number of the round; 0: the last result before any scribbles; None: the last result.
            axis: array axis of a volume (0 is z) that the slice is perpendicular to; None: the one whose slice holds
                the most scribbles.
            index: index of the slice along `axis`; None: the slice with the most scribbles, or the most truth.

        Returns:
            A matplotlib figure, which a notebook displays; `savefig` writes it to a file.

        Raises:
            InputError: the session has no result of this round, or the image has no such slice.
        """
        from bifseg.reports.session_pictures import Panel, add_legend, session_figure, slice_plane, step_panel

        panels = [Panel("image"), step_panel(self.truth, self.record, self._last_of(round))]
        plane = slice_plane(self.truth, self.record, axis, index)
        figure = session_figure(self.image, self.truth, self.record, panels, plane)
        add_legend(figure)
        return figure

    def _last_of(self, round: int | None) -> int:
        """The index of a round's last step."""
        steps = self.record.steps
        indices = [k for k, step in enumerate(steps) if round is None or step.round == round]
        if not indices:
            rounds = sorted({step.round for step in steps})
            known = f"it has rounds {rounds[0]} to {rounds[-1]}" if rounds else f"it has none: {self.error}"
            raise InputError(f"round {round}: the session has no result of it; {known}")
        return indices[-1]


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
    """One session of a method with the simulated user, in this process.

    The method gets the image, the box and the scribbles. It may read any file, and the protocol's `time_limit_s` is
    checked between rounds alone. `bifseg run` hides the truth and ends a call that takes too long, since it starts the
    method in its own process.

    Args:
        method: an object with `dimensions`, `prompts`, `start` and, if it takes scribbles, `refine`.
        image: a 2D or 3D image.
        truth: bool array of the image's shape with at least one voxel.
        protocol: the session's rules; None: those of `bifseg.Protocol()`.
        seed: the same seed draws the same box and scribbles.
        box_margin: each side of the box lies 0 to `box_margin` voxels outside the truth.
        name: name of the method in the scores; empty: the name of its class.
        structure: name of the structure in the scores.
        tolerance_mm: distance in mm that counts as no error for this structure, for `nsd`.

    Returns:
        The session. An error of the method ends it as `failed`, with the reason in `error`.

    Raises:
        InputError: an argument is of another type or out of range, a voxel is not finite, the truth is empty or does
            not fit the image, the protocol begins with a mask, or the method does not fit the protocol.

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
    _check_numbers(image, box_margin, tolerance_mm)
    identity = Identity(
        method=name or type(method).__name__,
        structure=structure,
        dimension=truth.ndim,
        policy=rules.policy,
        box=rules.box_label,
        user=rules.user,
        disturbance=rules.disturbance[0],
        level=rules.disturbance[1],
    )
    image = seen_image(image, rules, seed, identity.seed_key)
    user = SimulatedUser(image, truth, rules, box_margin, seed, seed_key=identity.seed_key)
    return Session(image, truth, play(user, method, identity=identity), tolerance_mm)


def _check(method: Method, image: Image, truth: Mask, rules: ProtocolCard) -> None:
    """Raise InputError for arguments of `simulate` that do not fit together."""
    for name, value, kind, text in (
        ("image", image, Image, "bifseg.Image, such as that of bifseg.read_image"),
        ("truth", truth, np.ndarray, "bool array of the image's shape"),
        ("protocol", rules, ProtocolCard, "bifseg.Protocol"),
    ):
        if not isinstance(value, kind):
            raise InputError(f"{name}: {type(value).__name__}; give a {text}")
    if isinstance(method, type):
        raise InputError(f"method: {method.__name__} is a class; give an object, such as {method.__name__}()")
    if truth.dtype != bool or truth.shape != image.voxels.shape:
        raise InputError(
            f"truth: {truth.dtype} {truth.shape}; give a bool array of the image's shape {image.voxels.shape}"
        )
    if not truth.any():
        raise InputError("truth: has no voxel; the simulated user needs an object")
    if not isinstance(method, Method):
        raise InputError(f"method: {type(method).__name__} lacks dimensions, prompts, start or refine")
    if rules.begin == "mask":
        raise InputError("protocol: begins with a mask, which `simulate` does not give; use `bifseg run`")
    reason = method_problem(method.dimensions, method.prompts, truth.ndim, rules)
    if reason:
        raise InputError(f"method: {type(method).__name__} {reason}")


def _check_numbers(image: Image, box_margin: int, tolerance_mm: float) -> None:
    """Raise InputError for numbers that no session can use."""
    if not (isinstance(box_margin, (int, np.integer)) and box_margin >= 0):
        raise InputError(f"box_margin: {box_margin!r}; give a whole number of voxels, 0 or more")
    if not tolerance_mm >= 0:
        raise InputError(f"tolerance_mm: {tolerance_mm!r}; give 0 or more mm")
    for channel, voxels in image.channels.items():
        if not np.isfinite(voxels).all():
            raise InputError(f"image: channel {channel!r} has voxels that are not finite; replace them")
