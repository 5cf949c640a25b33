"""Graded disturbances of boxes, strokes and images, which show how a result depends on the user and on the image."""
