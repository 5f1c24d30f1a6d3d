"""Servers that speak OpenAI's API: OpenAI itself, vLLM, llama.cpp, Ollama, Mistral and others."""

from consigne.providers.openai.provider import OpenAIProvider

__all__ = ["OpenAIProvider"]
