"""Colours of contours and scribbles in pictures of sessions."""

TRUTH, RESULT, FOREGROUND, BACKGROUND = "#F05BC8", "#F0E442", "#E8590C", "#56B4E9"
"""Colours of contours and scribbles: distinct for the colour-blind, and visible on grey."""
