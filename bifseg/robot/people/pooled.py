"""Names of the pooled rows of user shift; whoever reads its table imports nothing that measures strokes."""

ALL_LABELS, ALL_MEASURES = "both", "all"
"""Names of the pooled rows: both labels, and the mean over `shift.MEASURES` without the overlap, each in units of
people's standard deviation."""
