"""Cards and the configuration of a run; what each method is able to do; settings of fine-tuning."""
