"""Scores to numbers: stages, interactions to a target, paired tests, intervals, the paper's claims."""
