"""Grids, images, strokes, mask metrics, whole files, seeds, errors and supervised child processes."""
