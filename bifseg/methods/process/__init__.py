"""Methods in processes of their own: start, messages, limits."""
