"""Batches of both dialects: many requests in the background, at low priority."""
