"""Requests that nobody should send, by the ten thousand: see ``run.py``."""
