"""Graded disturbances of boxes, strokes and images: how a result depends on the care of its user and on the image."""
