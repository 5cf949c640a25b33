"""Batch evaluation of interactive medical image segmentation with image-specific fine-tuning (BIFSeg)."""

from importlib.metadata import version

__version__ = version("bifseg")
