"""``/v1/models`` in the OpenAI dialect."""

from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.auth import authenticate, services_of
from consigne.domain.models import Model

router = APIRouter()


@router.get("/v1/models", name="openai_models")
async def list_models(request: Request) -> Response:
    """List all models."""
    await authenticate(request)
    data = [info(model) for model in services_of(request).gateway.models()]
    body = {"object": "list", "data": data}
    return Response(msgspec.json.encode(body), media_type="application/json")


@router.get("/v1/models/{model_id:path}", name="openai_model")
async def get_model(request: Request, model_id: str) -> Response:
    """Describe one model."""
    await authenticate(request)
    gateway = services_of(request).gateway
    known = {model.id: model for model in gateway.models()}
    model = known.get(model_id) or gateway.resolve(model_id)
    return Response(msgspec.json.encode(info(model)), media_type="application/json")


def info(model: Model) -> dict[str, Any]:
    """Return what clients learn of a model."""
    return {"id": model.id, "object": "model", "created": model.created, "owned_by": model.owner}
