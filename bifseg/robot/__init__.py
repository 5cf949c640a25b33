"""The simulated user: box, policies, drawing, levels of care, effort model, comparison with people."""
