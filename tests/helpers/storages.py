"""Ways to store an image: its axes permuted and reversed."""

from dataclasses import dataclass

import numpy as np

from bifseg.core.geometry import Grid


@dataclass(frozen=True)
class Storage:
    """The array axis that is stored as each axis, and whether it is stored backwards."""

    axes: tuple[int, ...]
    backwards: tuple[bool, ...]

    def array(self, values):
        steps = (slice(None, None, -1 if back else 1) for back in self.backwards)
        return np.ascontiguousarray(values.transpose(self.axes)[tuple(steps)])

    def grid(self, grid):
        first, direction = np.zeros(grid.ndim), []
        for axis, back in zip(self.axes, self.backwards, strict=True):
            first[axis] = (grid.shape[axis] - 1) * back
            direction.append(tuple((-1.0 if back else 1.0) * v for v in grid.direction[axis]))
        shape, spacing = (tuple(values[k] for k in self.axes) for values in (grid.shape, grid.spacing))
        return Grid(shape, spacing, tuple(grid.to_world(first)[0]), tuple(direction))


STORAGES = {
    2: [Storage((0, 1), (False, True)), Storage((1, 0), (False, False)), Storage((1, 0), (True, False))],
    3: [
        Storage((0, 1, 2), (False, True, True)),  # as in most NIfTI files
        Storage((2, 0, 1), (False, False, True)),
        Storage((1, 2, 0), (True, True, False)),
    ],
}
