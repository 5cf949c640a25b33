"""The rules by which the simulated user draws, each with a name and a version."""
