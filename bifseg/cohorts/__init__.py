"""A checked and prepared cohort of objects, made from the user's own images or from simulated ones."""
