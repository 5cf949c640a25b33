"""Strokes that people drew, and how the robot's policies compare with them."""
