"""The policies, the rules by which the simulated user draws. Each has a name and a version."""
