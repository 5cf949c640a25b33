"""From images, the user's own or simulated, to a checked and prepared cohort of objects."""
