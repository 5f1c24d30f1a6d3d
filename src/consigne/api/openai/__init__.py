"""The OpenAI dialect: Chat Completions, Responses, Conversations, Embeddings and models."""

from fastapi import APIRouter

from consigne.api.openai import batches, embeddings, files, models, uploads
from consigne.api.openai.chat import routes as chat
from consigne.api.openai.chat import stored as stored_chat
from consigne.api.openai.conversations import routes as conversations
from consigne.api.openai.responses import routes as responses

router = APIRouter(tags=["OpenAI dialect"])
for part in (
    chat,
    stored_chat,
    responses,
    conversations,
    embeddings,
    models,
    files,
    uploads,
    batches,
):
    router.include_router(part.router)

__all__ = ["router"]
