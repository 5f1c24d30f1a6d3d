"""Which model, and where it runs."""
