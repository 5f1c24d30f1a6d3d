"""The models that a conversation can choose from, and those worth having."""

import asyncio
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.app_routes import model_schemas
from consigne.api.app_routes.access import Person
from consigne.api.app_routes.replies import reply
from consigne.api.auth import services_of
from consigne.api.services import Services
from consigne.domain.models import Model
from consigne.engines.machine import this_machine
from consigne.gateway.catalogue import catalogue, suggest
from consigne.gateway.image_catalogue import image_catalogue, suggest_images

router = APIRouter(prefix="/models", tags=["Models"])


@router.get("", response_model=model_schemas.Models)
async def list_models(request: Request, _: Person) -> Response:
    """List the models."""
    services = services_of(request)
    default = services.gateway.default_model()
    painter = services.gateway.default_model("image")
    models = [_model(services, model) for model in services.gateway.models()]
    return reply(
        {
            "default": default.id if default else None,
            "paints": painter.id if painter else None,
            "changes_pictures": bool(painter and painter.image and painter.image.edits),
            "models": models,
        }
    )


@router.get("/suggestions", response_model=model_schemas.Suggestions)
async def list_suggestions(request: Request, _: Person) -> Response:
    """List models worth having, judged for this machine."""
    installed = {model.id for model in services_of(request).library.list()}
    machine = await asyncio.to_thread(this_machine)
    # The first call measures the memory's speed for a fifth of a second.
    found = await asyncio.to_thread(suggest, machine, installed=installed)
    return reply(
        {
            "as_of": catalogue().as_of,
            "machine": {"memory_bytes": machine.memory_bytes, "cores": machine.cores},
            "suggestions": found,
            "images_as_of": image_catalogue().as_of,
            "images": suggest_images(machine, installed=installed),
        }
    )


def _model(services: Services, model: Model) -> dict[str, Any]:
    installed = services.library.get(model.id)
    manifest = installed.manifest if installed else None
    return {
        "id": model.id,
        "name": model.name,
        "modality": model.modality,
        "where": model.where,
        "context": model.context,
        "starter": model.starter,
        "capabilities": model.capabilities,
        "state": services.gateway.state(model.id),
        "languages": manifest.languages if manifest else (),
        "license": manifest.license if manifest else "",
        "size_bytes": manifest.size_bytes if manifest else 0,
    }
