"""The OpenAI dialect: Chat Completions, Responses, Embeddings and models."""

from fastapi import APIRouter

from consigne.api.openai import batches, embeddings, files, models, uploads
from consigne.api.openai.chat import routes as chat
from consigne.api.openai.responses import routes as responses

router = APIRouter(tags=["OpenAI dialect"])
for part in (chat, responses, embeddings, models, files, uploads, batches):
    router.include_router(part.router)

__all__ = ["router"]
