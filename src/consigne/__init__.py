"""Consigne: an organisation's own generative-AI service."""

__version__ = "0.1.0"
