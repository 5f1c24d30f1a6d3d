"""The OpenAI dialect: chat, text completions, Responses, embeddings, moderations, models."""

from fastapi import APIRouter

from consigne.api.openai import embeddings, models, moderations
from consigne.api.openai.chat import routes as chat
from consigne.api.openai.completions import routes as completions
from consigne.api.openai.responses import routes as responses

router = APIRouter(tags=["OpenAI dialect"])
for part in (chat, completions, responses, embeddings, moderations, models):
    router.include_router(part.router)

__all__ = ["router"]
