"""Strokes of people, and how the policies compare with them."""
