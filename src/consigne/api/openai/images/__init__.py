"""``/v1/images``: pictures from words, from other pictures, and their streams."""
