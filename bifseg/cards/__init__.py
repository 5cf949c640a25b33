"""Cards and the configuration of a run, what each method can do, and the settings of fine-tuning."""
