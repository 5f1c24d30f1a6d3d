"""The Anthropic dialect: Messages, token counting and models."""

from consigne.api.anthropic.routes import router

__all__ = ["router"]
