"""Methods that do what a method may do: well, badly, or not at all. Loaded in processes of their own."""

import asyncio
import gc
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np


class Half:
    """The left half of the box, then the whole box; does `do` in the first round."""

    dimensions = frozenset({2, 3})
    prompts = frozenset({"box", "scribbles"})

    def __init__(self, do="nothing", path=""):
        self.do, self.path = do, path
        self.began = 0

    def start(self, image, box):
        self.image, self.box, self.began = image, box, self.began + 1
        result = np.zeros(image.grid.shape, bool)
        result[box.slices] = True
        middle = (box.lower[-1] + box.upper[-1]) // 2
        result[..., middle:] = False
        return result

    def refine(self, scribbles):
        getattr(self, f"_{self.do}")()
        result = self.box.paste(np.ones(self.box.shape, bool), self.image.grid.shape)
        return result & ~scribbles.background

    def _nothing(self):
        pass

    def _print(self):
        print('{"not": "an answer"}')
        os.write(1, b"{neither}\n")

    def _raise(self):
        raise RuntimeError("two\nlines")

    def _read(self):
        input()

    def _cancel(self):
        raise asyncio.CancelledError

    def _hang(self):
        while True:
            time.sleep(0.01)

    def _leave(self):
        print("last words", file=sys.stderr, flush=True)
        os._exit(7)

    def _die(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def _die_once(self):
        mark = Path(self.path)
        if not mark.exists():
            mark.touch()
            self._die()

    def _count(self):
        raise RuntimeError(f"session {self.began} of process {os.getpid()}")

    def _name_libraries(self):
        libraries = {"nibabel", "numpy", "pandas", "pydantic", "scipy", "SimpleITK", "torch", "yaml"}
        raise RuntimeError(f"{sorted(libraries & sys.modules.keys())}")

    def _snoop(self):
        raise RuntimeError(f"found {sorted(self.found()) or 'nothing'}")

    def found(self):
        """Ways to the truth; the test passes the path of the truth's file, which no real method gets."""
        place = Path(self.path)
        try:
            if place.read_bytes():
                yield "the file"
        except OSError:
            pass
        if any(place.name in text for text in [*os.environ.values(), *sys.argv]):
            yield "its name in the environment or the arguments"
        for link in Path("/proc/self/fd").iterdir():
            if link.exists() and place.parent.name in str(link.readlink()):
                yield "an open file"
        if {path.name for path in Path.cwd().rglob("*")} - {"image.nii", "scribbles.nii", "result.nii"}:
            yield "files beside its own"
        yield from self.found_in_memory()

    def found_in_memory(self):
        own_ids = {id(thing) for thing in vars(self).values()}
        for thing in gc.get_objects():
            if type(thing).__name__ in ("SimulatedUser", "Cohort", "ObjectRow"):
                yield type(thing).__name__
            shape = thing.shape if isinstance(thing, np.ndarray) and thing.dtype == bool else None
            if shape == self.image.grid.shape and id(thing) not in own_ids:
                yield "a mask"


class Deaf:
    """The whole box, whatever it is told."""

    dimensions = frozenset({2, 3})
    prompts = frozenset({"box", "scribbles"})

    def start(self, image, box):
        self.result = box.paste(np.ones(box.shape, bool), image.grid.shape)
        return self.result

    def refine(self, scribbles):
        return self.result


class Answers(Half):
    """Returns what `do` says instead of a mask."""

    def refine(self, scribbles):
        shape = self.image.grid.shape
        return {
            "shape": np.zeros((3, 3), bool),
            "nan": np.full(shape, np.nan),
            "bytes": np.zeros(shape, np.uint8),
            "none": None,
            "outside": np.ones(shape, bool),
            "empty": np.zeros(shape, bool),
        }[self.do]


class Adapting(Half):
    def adapt(self):
        self.seconds = {"network": 0.5}
        return self.refine_all()

    def refine_all(self):
        return self.box.paste(np.ones(self.box.shape, bool), self.image.grid.shape)


class KilledAsItOpens(Half):
    """Is killed before it can play: the first time, or each time."""

    def __init__(self, path, always=False):
        super().__init__()
        if always or not os.path.exists(path):
            open(path, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)


class OpensUntil(Half):
    """Cannot be made once a file exists, like a model that finds its lock."""

    def __init__(self, path):
        if Path(path).exists():
            raise TypeError("the lock is there")
        super().__init__()


class NeverOpens(Half):
    def __init__(self):
        raise RuntimeError("the model is too large")


class Encoder(Half):
    """Encodes an image for a while; fails where an encoding comes from another session than its own."""

    def __init__(self, encode_s=0.0, fails=False):
        super().__init__()
        self.encode_s, self.fails = encode_s, fails

    def image_encoding(self, image):
        time.sleep(self.encode_s)
        if self.fails and image.voxels.mean() > 0:
            raise RuntimeError("no features")
        return {"mean": image.voxels.mean(), "uses": []}

    def start(self, image, box):
        encoding = self.image_encoding(image)
        assert encoding == {"mean": image.voxels.mean(), "uses": []}
        encoding["uses"].append(box)
        return super().start(image, box)


class Erasing(Half):
    """Everything in the box that is not zero; sets the image to zero in place."""

    def start(self, image, box):
        super().start(image, box)
        result = box.paste(image.voxels[box.slices] != 0, image.grid.shape)
        image.voxels[:] = 0
        return result
