"""Methods that each break one part of the contract; loaded in processes of their own by the conformance kit."""

import hashlib
from pathlib import Path

import numpy as np


class Good:
    """Brighter than the middle between the box's extremes; scribbles as drawn."""

    dimensions = frozenset({2})
    prompts = frozenset({"box", "scribbles"})

    def start(self, image, box):
        self.image, self.box = image, box
        inside = image.voxels[box.slices]
        return box.paste(inside > (inside.min() + inside.max()) / 2, image.voxels.shape)

    def refine(self, scribbles):
        return self.start(self.image, self.box) & ~scribbles.background | scribbles.foreground


class Deaf(Good):
    def refine(self, scribbles):
        return self.start(self.image, self.box)


class Corrects:
    """Takes no box: begins with a mask alone."""

    dimensions = frozenset({2})
    prompts = frozenset({"mask", "scribbles"})

    def start(self, image, box):
        raise RuntimeError("needs a mask")

    def start_from(self, image, box, mask):
        self.mask = mask
        return mask

    def refine(self, scribbles):
        return self.mask & ~scribbles.background | scribbles.foreground


class DropsTheMask(Good):
    """Takes a mask too, and fails with one."""

    prompts = frozenset({"box", "mask", "scribbles"})

    def start_from(self, image, box, mask):
        return mask[:1]


class RemembersStrokes(Good):
    """Begins with the strokes of the last session where the image is the same."""

    known = None

    def start(self, image, box):
        result = super().start(image, box)
        if self.known is not None and np.array_equal(self.known[0], image.voxels):
            result[box.slices] |= self.known[1][box.slices]
        return result

    def refine(self, scribbles):
        self.known = None
        result = super().refine(scribbles)
        self.known = self.image.voxels, scribbles.foreground
        return result


class LeavesStrokes(Good):
    """Leaves the first strokes on an image in a folder, where its other processes find them."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def start(self, image, box):
        result = super().start(image, box)
        self.place = self.folder / f"{hashlib.sha256(image.voxels.tobytes()).hexdigest()}.npy"
        return result | np.load(self.place) if self.place.exists() else result

    def refine(self, scribbles):
        if not self.place.exists():
            np.save(self.place, scribbles.foreground)
        return super().refine(scribbles)


class BoxOnly(Good):
    prompts = frozenset({"box"})


class Clicks(Good):
    """Takes points and fails where it is given strokes. It is not broken."""

    prompts = frozenset({"box", "points"})

    def refine(self, scribbles):
        assert all(stroke.is_point for stroke in scribbles.strokes)
        return super().refine(scribbles)


class Outside(Good):
    def start(self, image, box):
        return super().start(image, box) | (np.indices(image.voxels.shape).sum(0) == 0)


class Random(Good):
    rng = np.random.default_rng()

    def start(self, image, box):
        return super().start(image, box) & box.paste(self.rng.random(box.shape) < 0.9, image.voxels.shape)


class Remembers(Good):
    """Does not forget the last session."""

    count = 0

    def start(self, image, box):
        result = super().start(image, box)
        self.count += 1
        return result if self.count % 2 else ~result & box.paste(np.ones(box.shape, bool), result.shape)


class Frail(Good):
    """Divides by the contrast."""

    def start(self, image, box):
        if np.ptp(image.voxels[box.slices]) == 0:
            raise ZeroDivisionError("no contrast")
        return super().start(image, box)


class Hoards(Good):
    """Keeps 6 MiB of every session."""

    kept = ()

    def start(self, image, box):
        self.kept = (*self.kept, np.ones(6 * 2**17))
        return super().start(image, box)


class Brush(Good):
    """Paints on an existing mask: what a person does without help. It is not broken."""

    prompts = frozenset({"mask", "scribbles"})

    def start_from(self, image, box, mask):
        self.mask = mask
        return mask

    def refine(self, scribbles):
        return (self.mask | scribbles.foreground) & ~scribbles.background


class TwoChannels(Good):
    """Brighter in a second channel alone; it fails where it is not given that. It is not broken."""

    def start(self, image, box):
        self.second = image.channels["flair"]
        assert image.channels[image.modality] is image.voxels
        return super().start(image, box) & (self.second > 0)


class HotSpots:
    """Whatever is hot anywhere; a scribble sets the connected part of its image that it lies on. It is not broken."""

    dimensions = frozenset({3})
    prompts = frozenset({"scribbles"})

    def start(self, image, box):
        assert image.channels["ct"].shape == image.voxels.shape
        self.image, self.shape = image, image.voxels.shape
        return image.voxels > 5

    def refine(self, scribbles):
        from scipy import ndimage  # it takes longer to import than the other methods to play

        result = self.image.voxels > 5
        numbers, _ = ndimage.label(result)
        for number in np.unique(numbers[scribbles.background]):
            result[(numbers == number) & (number > 0)] = False
        return result | scribbles.foreground
