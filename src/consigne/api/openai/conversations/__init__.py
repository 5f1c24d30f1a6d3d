"""``/v1/conversations``."""
