"""The OpenAI dialect: chat, completions, Responses, conversations, vectors, pictures, files."""

from fastapi import APIRouter

from consigne.api.openai import batches, embeddings, files, models, moderations, uploads
from consigne.api.openai.chat import routes as chat
from consigne.api.openai.chat import stored as stored_chat
from consigne.api.openai.completions import routes as completions
from consigne.api.openai.conversations import routes as conversations
from consigne.api.openai.images import routes as images
from consigne.api.openai.responses import routes as responses

router = APIRouter(tags=["OpenAI dialect"])
for part in (
    chat,
    stored_chat,
    completions,
    responses,
    conversations,
    embeddings,
    images,
    moderations,
    models,
    files,
    uploads,
    batches,
):
    router.include_router(part.router)

__all__ = ["router"]
