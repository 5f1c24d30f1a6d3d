"""The models that a conversation can choose from, and those worth having."""

import asyncio
from collections.abc import Iterable
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
from consigne.gateway.catalogue import catalogue, expected_here, suggest
from consigne.gateway.image_catalogue import image_catalogue, suggest_images

router = APIRouter(prefix="/models", tags=["Models"])


@router.get("", response_model=model_schemas.Models)
async def list_models(request: Request, _: Person) -> Response:
    """List the models."""
    services = services_of(request)
    default = services.gateway.default_model()
    painter = services.gateway.default_model("image")
    models = services.gateway.models()
    speeds = await _speeds(services, models)
    return reply(
        {
            "currency": services.settings.usage.currency,
            "default": default.id if default else None,
            "paints": painter.id if painter else None,
            "changes_pictures": bool(painter and painter.image and painter.image.edits),
            "models": [_model(services, model, speeds.get(model.id)) for model in models],
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


def _model(services: Services, model: Model, speed: dict[str, Any] | None) -> dict[str, Any]:
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
        "speed": speed,
        "price": services.gateway.price(model.id),
    }


async def _speeds(services: Services, models: Iterable[Model]) -> dict[str, dict[str, Any]]:
    """Return how fast models write: as they have here lately, else as the list expects of them."""
    speed = services.usage.meters.speed
    measured = {model.id: speed(model.id) for model in models if model.modality == "text"}
    unknown = [model_id for model_id, found in measured.items() if found is None]
    # The first model of the list has the memory's speed measured, for a fifth of a second.
    likely = await asyncio.to_thread(expected_here, unknown)
    found = {model_id: (each, True) for model_id, each in measured.items() if each is not None}
    found |= {model_id: (each, False) for model_id, each in likely.items()}
    return {
        model_id: {"tokens_per_s": round(each, 1), "measured": is_measured}
        for model_id, (each, is_measured) in found.items()
    }
