"""Small images with strokes drawn by hand, and what a tool makes of them."""

import numpy as np

from bifseg.core.geometry import Box, Grid, Image
from bifseg.core.scribbles import Stroke


def stroke(foreground, *voxels):
    at = np.array(voxels)
    return Stroke(foreground, at.astype(float), at)


def image_of(voxels, spacing=None):
    return Image(np.asarray(voxels, np.float32), Grid.plain(np.shape(voxels), spacing))


def whole(image):
    return Box((0,) * image.voxels.ndim, image.voxels.shape)


def answer(tool, image, scribbles, **settings):
    method = tool(**settings)
    method.start(image, whole(image))
    return method.refine(scribbles)
