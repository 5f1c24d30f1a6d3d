"""Servers that speak Anthropic's API."""

from consigne.providers.anthropic.provider import AnthropicProvider

__all__ = ["AnthropicProvider"]
