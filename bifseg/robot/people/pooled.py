"""Names of the pooled rows of user shift, in a module of their own: readers of its table need no image libraries."""

ALL_LABELS, ALL_MEASURES = "both", "all"
"""Names of the pooled rows: both labels, and the mean over `shift.MEASURES` without the overlap, each in units of
people's standard deviation."""
