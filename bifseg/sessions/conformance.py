"""Does a method keep the contract? A few small games on made-up images, each with a verdict a person can act on.

The images are smooth blobs in noise; what is measured here says nothing about how good a method is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from bifseg.cards.cards import ProtocolCard
from bifseg.core.geometry import Grid, Image, Mask
from bifseg.methods.process.process import MethodProcess
from bifseg.sessions.game import SimulatedUser, play
from bifseg.sessions.record import Session

SESSIONS = 20
"""How many sessions the memory is watched for."""
GROWTH = 0.10
"""How much of a process's memory may be new after them."""
_SHAPES = {2: (56, 64), 3: (16, 40, 44)}
_SPACINGS = {2: (1.3, 0.8), 3: (3.5, 1.0, 0.9)}


@dataclass(frozen=True)
class CheckResult:
    """One check; `passed` is None where it does not apply."""

    check: str
    passed: bool | None
    about: str


class ConformanceKit:
    """The checks of one method in one dimension.

    Args:
        start: starts the method in a process of its own.
        dimension: 2 or 3, one of the method's.
    """

    def __init__(self, start: Callable[[], MethodProcess], dimension: int) -> None:
        self._start, self._dimension = start, dimension

    def findings(self) -> Iterator[CheckResult]:
        """Every check's finding, as it is made. A check whose session fails has not passed."""
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
        yield from (self._odd_object(name) for name in ("one voxel", "touches the border", "fills the image"))
        yield self._flat_image()
        yield self._memory()

    def close(self) -> None:
        """End the method's processes."""
        for method in ("_method", "_other"):
            if method in vars(self):
                vars(self)[method].close()

    def _box(self) -> CheckResult:
        session = self._play(self._game())
        return _finding("box respected", session, f"{len(session.steps)} results lie inside their box")

    def _grid(self) -> CheckResult:
        """On an oblique grid; a method whose result has another shape or type fails its session."""
        n = self._dimension
        turned = np.linalg.qr(np.eye(n) + 0.3 * np.arange(n * n).reshape(n, n))[0]
        grid = Grid(_SHAPES[n], _SPACINGS[n], (12.5,) * n, tuple(map(tuple, turned.tolist())))
        session = self._play(self._game(grid=grid))
        return _finding("grid kept", session, "oblique, anisotropic image: masks of its shape")

    def _scribbles(self) -> CheckResult:
        """Scribbles that the image speaks against: they mean a blob beside the one that is to be seen."""
        if "scribbles" not in self._method.prompts:
            return CheckResult("scribbles obeyed", None, "takes none, as it says")
        session = self._play(self._unlike_the_image())
        if session.status != "ok":
            return _finding("scribbles obeyed", session, "")
        drawn = session.scribbles().label_map()[session.box.slices]
        last = session.steps[-1].mask
        wrong = int((~last[drawn == 1]).sum() + last[drawn == 2].sum())
        about = f"{wrong} of {np.count_nonzero(drawn)} voxels drawn on are not as drawn"
        return CheckResult("scribbles obeyed", wrong == 0, about)

    def _repeats(self) -> CheckResult:
        """The same session twice in one process, another in between."""
        first = self._play(self._game())
        self._play(self._game(seed=2))
        return _same("second session like the first", first, self._play(self._game()))

    def _fresh(self) -> CheckResult:
        return _same(
            "same in another process", self._play(self._game()), self._play(self._game(), self._other)
        )

    def _interleaved(self) -> CheckResult:
        """Two processes take turns, call by call, on two objects."""
        check, games = "two sessions interleaved", [self._game(), self._game(seed=2)]
        alone = [self._play(game) for game in games]
        failed = [session.error for session in alone if session.status != "ok"]
        if failed:
            return CheckResult(check, False, failed[0])
        turns = list(zip([self._method, self._other], games, alone, strict=True))
        for k in range(max(len(session.steps) for session in alone)):
            for method, game, session in turns:
                if k < len(session.steps) and not np.array_equal(
                    _take(method, game, session, k)[session.box.slices], session.steps[k].mask
                ):
                    return CheckResult(check, False, f"{session.steps[k].name} is not as it is alone")
        return CheckResult(check, True, "each as when it is alone")

    def _remembers(self) -> CheckResult:
        """Another replicate on the same image, whose box and strokes differ, as without the first one."""
        check, game = "nothing kept of a session", self._unlike_the_image()
        again = replace(game, seed=3)
        first = self._play(game)
        fresh = self._start()
        try:
            result = _same(check, self._play(again, fresh), self._play(again))
        finally:
            fresh.close()
        if first.status != "ok" or result.passed:
            return result
        about = f"it remembers the strokes of another session on the same image: {result.about}"
        return replace(result, about=f"{about}; or it is random")

    def _odd_object(self, name: str) -> CheckResult:
        truth = np.zeros(_SHAPES[self._dimension], bool)
        place: dict[str, Any] = {
            "one voxel": tuple(n // 2 for n in truth.shape),
            "touches the border": (slice(0, 6),) * truth.ndim,
            "fills the image": ...,
        }
        truth[place[name]] = True
        session = self._play(self._game(truth=truth))
        return _finding(f"object: {name}", session, f"ended: {session.ended}")

    def _flat_image(self) -> CheckResult:
        game = self._game()
        flat = replace(game.image, voxels=np.full(game.image.voxels.shape, 100, np.float32))
        return _finding(
            "image without contrast", self._play(replace(game, image=flat)), "no contrast, no failure"
        )

    def _memory(self) -> CheckResult:
        used: list[float] = []
        for seed in range(SESSIONS):
            session = self._play(self._game(seed=seed))
            if session.status != "ok":
                return _finding("memory returned", session, "")
            used.append(self._method.memory_mb())
        if not used[0]:
            return CheckResult("memory returned", None, "cannot be seen on this system")
        early, late = (
            float(np.median(part)) for part in (used[SESSIONS // 4 : SESSIONS // 2], used[-SESSIONS // 4 :])
        )
        about = f"{early:.0f} MiB, {late:.0f} MiB after {SESSIONS} sessions"
        return CheckResult("memory returned", late <= (1 + GROWTH) * early, about)

    def _game(self, seed: int = 1, truth: Mask | None = None, grid: Grid | None = None) -> SimulatedUser:
        shape = _SHAPES[self._dimension]
        truth = _blob(shape) if truth is None else truth
        rng = np.random.default_rng(seed)
        voxels = gaussian_filter(60.0 * truth + rng.normal(100, 12, shape), 0.7).astype(np.float32)
        image = Image(voxels, grid or Grid.plain(shape, _SPACINGS[self._dimension]), "t2")
        protocol = ProtocolCard(rounds=2, target=None, time_limit_s=None)
        return SimulatedUser(image, truth, protocol, 5, seed, seed_key=("", "", "", str(seed), 0))

    def _unlike_the_image(self) -> SimulatedUser:
        """A user who means a blob beside the one that is to be seen, so that strokes are drawn."""
        game = self._game()
        return replace(game, truth=np.roll(game.truth, game.truth.shape[-1] // 8, axis=-1))

    def _play(self, game: SimulatedUser, method: MethodProcess | None = None) -> Session:
        return play(game, method or self._method)

    @cached_property
    def _method(self) -> MethodProcess:
        return self._start()

    @cached_property
    def _other(self) -> MethodProcess:
        return self._start()


def _blob(shape: tuple[int, ...]) -> Mask:
    """An ellipsoid with a bite, which touches no border."""
    at = [np.linspace(-1, 1, n) for n in shape]
    inside: Mask = np.linalg.norm(np.meshgrid(*at, indexing="ij"), axis=0) < 0.55
    inside[tuple(slice(0, n // 2) for n in shape)] = False
    return inside


def _take(method: MethodProcess, game: SimulatedUser, session: Session, k: int) -> Mask:
    """The result of a step of a session that was played before, taken again."""
    name = session.steps[k].name
    if name == "initial":
        return method.start(game.image, session.box)
    if name == "unsupervised":
        return method.adapt()
    return method.refine(session.scribbles(k + 1))


def _finding(check: str, session: Session, about: str) -> CheckResult:
    """Passed where the session did not fail."""
    passed = session.status == "ok"
    return CheckResult(check, passed, about if passed else session.error)


def _same(check: str, one: Session, other: Session) -> CheckResult:
    """Passed where two sessions have the same results to the bit."""
    for session in (one, other):
        if session.status != "ok":
            return CheckResult(check, False, session.error)
    for a, b in zip(one.steps, other.steps, strict=False):
        if not np.array_equal(a.mask, b.mask):
            return CheckResult(check, False, f"{a.name}: {int((a.mask ^ b.mask).sum())} voxels differ")
    return CheckResult(check, len(one.steps) == len(other.steps), f"{len(one.steps)} equal results")
