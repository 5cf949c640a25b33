"""Checks whether a method keeps the contract: small sessions on simulated images, each with an actionable result.

The images are smooth blobs in noise; the checks say nothing about how well a method segments.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from bifseg.cards.cards import ProtocolCard
from bifseg.core.geometry import Grid, Image, Mask
from bifseg.methods.process.process import MethodProcess
from bifseg.sessions.game import play
from bifseg.sessions.record import Session
from bifseg.sessions.users import SimulatedUser

_SESSIONS = 20
"""Sessions of the memory check."""
_GROWTH = 0.10
"""Allowed growth of a process's memory over these sessions, as a fraction."""
_SHAPES = {2: (56, 64), 3: (16, 40, 44)}
_SPACINGS = {2: (1.3, 0.8), 3: (3.5, 1.0, 0.9)}


@dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    Attributes:
        check: the check's name.
        passed: None if the check does not apply to this method.
        about: one line: the reason, or what was checked.
    """

    check: str
    passed: bool | None
    about: str


class ConformanceKit:
    """The checks of one method in one dimension.

    Args:
        start: starts the method in a process of its own.
        dimension: 2 or 3, one of the method's.
        channels: names of the channels that the images have beside their own, `t2`.
    """

    def __init__(
        self, start: Callable[[], MethodProcess], dimension: int, channels: Collection[str] = ()
    ) -> None:
        self._start, self._dimension, self._channels = start, dimension, channels

    def results(self) -> Iterator[CheckResult]:
        """Run every check in turn.

        Yields:
            One result a check; a check whose session fails has not passed.
        """
        checks = (
            self._box,
            self._grid,
            self._scribbles,
            self._repeats,
            self._fresh,
            self._interleaved,
            self._remembers,
        )
        for check in checks:
            yield check()
        if "mask" in self._method.prompts:
            yield self._existing()
        yield from (self._odd_object(name) for name in ("one voxel", "touches the border", "fills the image"))
        yield self._flat_image()
        yield self._memory()

    def close(self) -> None:
        """End the method's processes."""
        for method in ("_method", "_other"):
            if method in vars(self):
                vars(self)[method].close()

    def _box(self) -> CheckResult:
        session = self._play(self._user())
        return _result("box respected", session, f"{len(session.steps)} results lie inside their box")

    def _grid(self) -> CheckResult:
        """An oblique grid: a result of another shape or type fails the session."""
        n = self._dimension
        turned = np.linalg.qr(np.eye(n) + 0.3 * np.arange(n * n).reshape(n, n))[0]
        grid = Grid(_SHAPES[n], _SPACINGS[n], (12.5,) * n, tuple(map(tuple, turned.tolist())))
        session = self._play(self._user(grid=grid))
        return _result("grid kept", session, "masks have the shape of an oblique, anisotropic image")

    def _scribbles(self) -> CheckResult:
        """Scribbles that contradict the image; a method need not obey them, so that this check never fails."""
        if not {"scribbles", "points"} & self._method.prompts:
            return CheckResult("scribbles obeyed", None, "the method takes no scribbles")
        session = self._play(self._unlike_the_image())
        if session.status != "ok":
            return _result("scribbles obeyed", session, "")
        drawn = session.scribbles().label_map()[session.box.slices]
        last = session.steps[-1].mask
        ignored = int((~last[drawn == 1]).sum() + last[drawn == 2].sum())
        about = f"the result contradicts {ignored} of {np.count_nonzero(drawn)} scribbled voxels"
        return CheckResult("scribbles obeyed", ignored == 0 or None, about)

    def _existing(self) -> CheckResult:
        session = self._play(self._corrects(self._user()))
        return _result("mask corrected", session, f"{len(session.steps) - 1} results from an existing mask")

    def _repeats(self) -> CheckResult:
        """The same session twice in one process, with another session in between."""
        first = self._play(self._user())
        self._play(self._user(seed=2))
        return _same("second session like the first", first, self._play(self._user()))

    def _fresh(self) -> CheckResult:
        return _same(
            "same in another process", self._play(self._user()), self._play(self._user(), self._other)
        )

    def _interleaved(self) -> CheckResult:
        """Two processes alternate, call by call, on two objects."""
        check, users = "two sessions interleaved", [self._user(), self._user(seed=2)]
        alone = [self._play(user) for user in users]
        failed = [session.error for session in alone if session.status != "ok"]
        if failed:
            return CheckResult(check, False, failed[0])
        turns = list(zip([self._method, self._other], users, alone, strict=True))
        for k in range(max(len(session.steps) for session in alone)):
            for method, user, session in turns:
                if k < len(session.steps) and not np.array_equal(
                    _take(method, user, session, k)[session.box.slices], session.steps[k].mask
                ):
                    name = session.steps[k].name
                    return CheckResult(check, False, f"{name} differs from the same session alone")
        return CheckResult(check, True, "each equals the same session alone")

    def _remembers(self) -> CheckResult:
        """A second replicate on the same image, with another box, gives the result of a fresh process.

        The fresh process plays before the first replicate, on an image of this check alone: else a method that leaves
        strokes in `/dev/shm` would help it too.
        """
        check, user = "nothing kept of a session", self._unlike_the_image(seed=4)
        again = replace(user, seed=3)
        fresh = self._start()
        try:
            alone = self._play(again, fresh)
        finally:
            fresh.close()
        first = self._play(user)
        result = _same(check, alone, self._play(again))
        if first.status != "ok" or result.passed:
            return result
        about = f"the method remembers another session on the same image, or is random: {result.about}"
        return replace(result, about=about)

    def _odd_object(self, name: str) -> CheckResult:
        truth = np.zeros(_SHAPES[self._dimension], bool)
        place: dict[str, Any] = {
            "one voxel": tuple(n // 2 for n in truth.shape),
            "touches the border": (slice(0, 6),) * truth.ndim,
            "fills the image": ...,
        }
        truth[place[name]] = True
        session = self._play(self._user(truth=truth))
        return _result(f"object: {name}", session, f"ended: {session.ended}")

    def _flat_image(self) -> CheckResult:
        user = self._user()
        flat = replace(user.image, voxels=np.full(user.image.voxels.shape, 100, np.float32))
        return _result(
            "image without contrast", self._play(replace(user, image=flat)), "a constant image is no failure"
        )

    def _memory(self) -> CheckResult:
        used: list[float] = []
        for seed in range(_SESSIONS):
            session = self._play(self._user(seed=seed))
            if session.status != "ok":
                return _result("memory returned", session, "")
            used.append(self._method.memory_mb())
        if not used[0]:
            return CheckResult("memory returned", None, "this system does not report a process's memory")
        early, late = (
            float(np.median(part))
            for part in (used[_SESSIONS // 4 : _SESSIONS // 2], used[-_SESSIONS // 4 :])
        )
        about = f"{early:.0f} MiB, {late:.0f} MiB after {_SESSIONS} sessions"
        return CheckResult("memory returned", late <= (1 + _GROWTH) * early, about)

    def _user(self, seed: int = 1, truth: Mask | None = None, grid: Grid | None = None) -> SimulatedUser:
        shape = _SHAPES[self._dimension]
        truth = _blob(shape) if truth is None else truth
        rng = np.random.default_rng(seed)
        voxels = gaussian_filter(60.0 * truth + rng.normal(100, 12, shape), 0.7).astype(np.float32)
        others = {name: np.float32(300) - voxels for name in self._channels if name != "t2"}
        image = Image(voxels, grid or Grid.plain(shape, _SPACINGS[self._dimension]), "t2", others)
        clicks = {"points"} & self._method.prompts and "scribbles" not in self._method.prompts
        drawn = {"correct": "points", "policy": "centre-click/1"} if clicks else {}
        protocol = ProtocolCard(rounds=2, target=None, time_limit_s=None, **drawn)
        user = SimulatedUser(image, truth, protocol, 5, seed, seed_key=("", "", "", str(seed), 0))
        corrects = "mask" in self._method.prompts and "box" not in self._method.prompts
        return self._corrects(user) if corrects else user

    def _corrects(self, user: SimulatedUser) -> SimulatedUser:
        """The user who begins with a mask beside the object."""
        begins = user.protocol.model_copy(update={"begin": "mask", "initial_from": "manifest"})
        return replace(user, protocol=begins, existing=np.roll(user.truth, 3, axis=-1))

    def _unlike_the_image(self, seed: int = 1) -> SimulatedUser:
        """A user who wants a blob beside the visible one and therefore draws strokes."""
        user = self._user(seed)
        return replace(user, truth=np.roll(user.truth, user.truth.shape[-1] // 8, axis=-1))

    def _play(self, user: SimulatedUser, method: MethodProcess | None = None) -> Session:
        return play(user, method or self._method)

    @cached_property
    def _method(self) -> MethodProcess:
        return self._start()

    @cached_property
    def _other(self) -> MethodProcess:
        return self._start()


def _blob(shape: tuple[int, ...]) -> Mask:
    """An ellipsoid without one quadrant or octant; it touches no border."""
    axes = [np.linspace(-1, 1, n) for n in shape]
    inside: Mask = np.linalg.norm(np.meshgrid(*axes, indexing="ij"), axis=0) < 0.55
    inside[tuple(slice(0, n // 2) for n in shape)] = False
    return inside


def _take(method: MethodProcess, user: SimulatedUser, session: Session, k: int) -> Mask:
    """The result of one step of an earlier session, computed again."""
    name, first = session.steps[k].name, session.box.paste(session.steps[0].mask, session.grid.shape)
    if name == "initial":
        return first if user.existing is not None else method.start(user.image, session.box)
    if name == "unsupervised":
        return (
            method.start_from(user.image, session.box, first) if user.existing is not None else method.adapt()
        )
    return method.refine(session.scribbles(k + 1))


def _result(check: str, session: Session, about: str) -> CheckResult:
    """Passed if the session did not fail."""
    passed = session.status == "ok"
    return CheckResult(check, passed, about if passed else session.error)


def _same(check: str, one: Session, other: Session) -> CheckResult:
    """Passed if two sessions have exactly the same results."""
    for session in (one, other):
        if session.status != "ok":
            return CheckResult(check, False, session.error)
    for a, b in zip(one.steps, other.steps, strict=False):
        if not np.array_equal(a.mask, b.mask):
            return CheckResult(check, False, f"{a.name}: {int((a.mask ^ b.mask).sum())} voxels differ")
    return CheckResult(check, len(one.steps) == len(other.steps), f"{len(one.steps)} equal results")
