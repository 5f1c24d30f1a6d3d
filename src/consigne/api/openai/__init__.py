"""The OpenAI dialect: Chat Completions, Responses, Embeddings and models."""

from fastapi import APIRouter

from consigne.api.openai import embeddings, models
from consigne.api.openai.chat import routes as chat
from consigne.api.openai.responses import routes as responses

router = APIRouter(tags=["OpenAI dialect"])
for part in (chat, responses, embeddings, models):
    router.include_router(part.router)

__all__ = ["router"]
