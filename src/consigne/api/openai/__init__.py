"""The OpenAI dialect: Chat Completions, Responses, Embeddings and models."""

from fastapi import APIRouter

router = APIRouter(tags=["OpenAI dialect"])

__all__ = ["router"]
