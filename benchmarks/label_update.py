"""The label update, an exact min-cut with scribbles, against SimpleCRF, gco-wrapper and PyMaxflow.

Every labelling must obey the scribbles and reach the same energy. SimpleCRF, by BIFSeg's authors, knows 4 and 6
neighbours only and computes the weights of pairs in each call. gco-wrapper and PyMaxflow get them ready-made, gco as
integers; `bifseg` keeps them from round to round, `bifseg, first round` computes them too. Expected: building the graph
takes longer than solving on clear probabilities; on doubtful ones (smooth noise about 0.5) the solver takes longest,
and a first flow saves most of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import maxflow
import numpy as np
from numpy.typing import NDArray
from rivals import named, rival, simplecrf
from scipy import ndimage
from timing import Cases, Table, heading

from bifseg.core.geometry import Mask
from bifseg.methods.graphs.crf import LabelUpdate, pair_weights, unary
from bifseg.methods.graphs.neighbours import pair_slices

STRENGTH, SIGMA = 3.0, 0.1
INTEGERS = 1e5
"""gco's capacities are integers: energies in units of 1e-5."""
FORBIDDEN = 1e7
CASES = (
    ((96, 96), False, "clear"),
    ((256, 256), False, "clear"),
    ((256, 256), False, "doubtful"),
    ((40, 40, 40), False, "clear"),
    ((40, 40, 40), True, "clear"),
    ((40, 40, 40), True, "doubtful"),
)


@dataclass(frozen=True)
class Problem:
    """A noisy blob with a scribble of each label, and probabilities that know it or do not."""

    shape: tuple[int, ...]
    full: bool
    kind: str
    strength: float = STRENGTH

    def __str__(self) -> str:
        neighbours = (3 ** len(self.shape) - 1) if self.full else 2 * len(self.shape)
        return f"{' x '.join(map(str, self.shape))}, {neighbours} neighbours, {self.kind}"

    @property
    def spacing(self) -> tuple[float, ...]:
        return (1.0,) * len(self.shape)

    @cached_property
    def _blob(self) -> Mask:
        centre = np.array(self.shape) / 2
        return self.shape[-1] / 3 > np.linalg.norm(np.indices(self.shape).T - centre, axis=-1).T

    @cached_property
    def intensity(self) -> NDArray[np.float64]:
        noise = np.random.default_rng(0).normal(0, 0.1, self.shape)
        return np.clip(0.4 + 0.3 * self._blob + noise, 0, 1)

    @cached_property
    def probability(self) -> NDArray[np.float64]:
        rng = np.random.default_rng(1)
        if self.kind == "clear":
            return np.clip(0.2 + 0.6 * self._blob + rng.normal(0, 0.2, self.shape), 0.01, 0.99)
        noise = ndimage.gaussian_filter(rng.standard_normal(self.shape), 5)
        return 1 / (1 + np.exp(-0.5 * noise / noise.std()))

    @cached_property
    def scribbles(self) -> NDArray[np.uint8]:
        drawn = np.zeros(self.shape, np.uint8)
        middle = tuple(n // 2 for n in self.shape[:-1])
        drawn[(*middle, slice(self.shape[-1] // 2 - 5, self.shape[-1] // 2 + 5))] = 1
        drawn[(*(1 for _ in middle), slice(1, 11))] = 2
        return drawn

    @cached_property
    def pairs(self) -> list[tuple[tuple[int, ...], NDArray[np.float64]]]:
        return pair_weights(self.intensity, self.spacing, self.strength, SIGMA, self.full)

    def unary(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Costs of background and foreground, with the scribbles; they change in every round."""
        costs = [cost.copy() for cost in unary(self.probability)]
        for mark, wrong in ((1, 0), (2, 1)):
            costs[wrong][self.scribbles == mark] = FORBIDDEN
            costs[1 - wrong][self.scribbles == mark] = 0
        return costs[0], costs[1]

    def energy(self, labels: Mask) -> float:
        """The energy of labels in float64; they must obey the scribbles."""
        background, foreground = self.unary()
        energy = np.where(labels, foreground, background).sum()
        assert energy < FORBIDDEN, "the labels contradict a scribble"
        for offset, weights in self.pairs:
            first, second = pair_slices(offset)
            energy += weights[labels[first] != labels[second]].sum()
        return float(energy)

    def update(self) -> LabelUpdate:
        return LabelUpdate(self.intensity, self.spacing, self.strength, SIGMA, self.full)


def of_simplecrf(problem: Problem, module) -> Mask:
    """Its cut, which computes the weights of pairs itself; probabilities and seeds as (..., background, foreground)."""
    p, drawn = problem.probability.astype(np.float32), problem.scribbles
    cut = module.interactive_maxflow2d if len(problem.shape) == 2 else module.interactive_maxflow3d
    seeds = np.stack([drawn == 2, drawn == 1], -1).astype(np.uint8)
    image = problem.intensity.astype(np.float32)
    return np.asarray(cut(image, np.stack([1 - p, p], -1), seeds, (problem.strength, SIGMA))) > 0


def of_gco(problem: Problem, module, edges: tuple[NDArray[np.int32], ...]) -> Mask:
    """Its cut by one expansion, which is exact for two labels."""
    graph = module.GCO()
    graph.create_general_graph(problem.intensity.size, 2)
    costs = np.stack([cost.ravel() for cost in problem.unary()], -1)
    # Costs of more than the pairs of a voxel can pay forbid a label; gco allows no larger ones.
    graph.set_data_cost(np.rint(np.minimum(costs, 26 * problem.strength) * INTEGERS).astype(np.int32))
    graph.set_all_neighbors(*edges)
    graph.set_smooth_cost(np.array([[0, 1], [1, 0]], np.int32))
    graph.expansion_on_alpha(1)
    labels = graph.get_labels().reshape(problem.shape) > 0
    graph.destroy_graph()
    return labels


def gco_edges(problem: Problem) -> tuple[NDArray[np.int32], ...]:
    """Both ends, the smaller first, and the integer weight of every pair."""
    nodes = np.arange(problem.intensity.size, dtype=np.int32).reshape(problem.shape)
    ends = [[nodes[part].ravel() for part in pair_slices(offset)] for offset, _ in problem.pairs]
    first, second = (np.concatenate(part) for part in zip(*ends, strict=True))
    weights = np.concatenate([np.rint(weights.ravel() * INTEGERS) for _, weights in problem.pairs])
    return np.minimum(first, second), np.maximum(first, second), weights.astype(np.int32)


def of_pymaxflow(problem: Problem) -> Mask:
    """A graph of float capacities, built and solved."""
    graph = maxflow.GraphFloat(problem.intensity.size, sum(weights.size for _, weights in problem.pairs))
    nodes = graph.add_grid_nodes(problem.shape)
    for offset, weights in problem.pairs:
        first, second = (nodes[part].ravel() for part in pair_slices(offset))
        graph.add_edges(first, second, weights.ravel(), weights.ravel())
    background, foreground = problem.unary()
    graph.add_grid_tedges(nodes, foreground, background)
    graph.maxflow()
    return np.asarray(graph.get_grid_segments(nodes), bool)


def main() -> None:
    heading("Label update", ["numpy", "PyMaxflow"])
    crf, gco = simplecrf(), rival("gco-wrapper", "gco")
    table, differences = Table(), {}
    for problem in (Problem(*case) for case in CASES):
        kept, edges = problem.update(), gco_edges(problem)
        cases: Cases = {}
        if crf and not problem.full:
            cases[named("SimpleCRF")] = lambda: of_simplecrf(problem, crf)
        if gco:
            cases[named("gco-wrapper")] = lambda: of_gco(problem, gco, edges)
        cases |= {
            named("PyMaxflow"): lambda: of_pymaxflow(problem),
            "bifseg, first round": lambda: problem.update()(problem.probability, problem.scribbles),
            "bifseg": lambda: kept(problem.probability, problem.scribbles),
        }
        least = problem.energy(kept(problem.probability, problem.scribbles))
        for name, call in cases.items():
            more = problem.energy(call()) / least - 1
            assert abs(more) < 1e-6, f"{problem}: {name} differs by {more:.1e} in energy"
            differences[name] = max(differences.get(name, 0.0), abs(more))
        table.add(str(problem), cases, repeats=3)
    table.print()
    words = ", ".join(f"{name} {more:.0e}" for name, more in differences.items() if more > 0)
    print(f"\nEnergies: {f'equal but for shares of {words}' if words else 'all equal'}.")


if __name__ == "__main__":
    main()
