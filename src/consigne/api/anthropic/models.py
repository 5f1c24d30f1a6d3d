"""``/v1/models`` in the Anthropic dialect: answers where ``anthropic-version`` is sent."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from consigne.api.anthropic.version import version_of
from consigne.api.auth import authenticate, services_of
from consigne.api.errors import InvalidField, speaks_anthropic
from consigne.domain.models import Model


class AnthropicRoute(APIRoute):
    """A path that both dialects own: this one takes it where the header says so."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match only requests that carry ``anthropic-version``."""
        if scope["type"] == "http" and not speaks_anthropic(scope):
            return Match.NONE, {}
        return super().matches(scope)


router = APIRouter(route_class=AnthropicRoute)


@router.get("/v1/models", name="anthropic_models")
async def list_models(request: Request) -> Response:
    """List the models that write text, newest first, in pages."""
    await authenticate(request)
    version_of(request)
    searches = bool(services_of(request).settings.tools.search.kind)
    found = [m for m in services_of(request).gateway.models() if m.modality == "text"]
    page, more = _page(sorted(found, key=lambda m: (-m.created, m.id)), request)
    body = {
        "data": [info(model, searches=searches) for model in page],
        "has_more": more,
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
    }
    return Response(msgspec.json.encode(body), media_type="application/json")


@router.get("/v1/models/{model_id:path}", name="anthropic_model")
async def get_model(request: Request, model_id: str) -> Response:
    """Describe one model."""
    await authenticate(request)
    version_of(request)
    services = services_of(request)
    searches = bool(services.settings.tools.search.kind)
    told = info(services.gateway.resolve(model_id), searches=searches)
    return Response(msgspec.json.encode(told), media_type="application/json")


def _page(models: Sequence[Model], request: Request) -> tuple[Sequence[Model], bool]:
    query = request.query_params
    limit = _limit(query.get("limit", "20"))
    if "active" not in (query.getlist("lifecycle") or query.getlist("lifecycle[]") or ["active"]):
        models = ()
    ids = [model.id for model in models]
    if after := query.get("after_id"):
        rest = models[_position(ids, after, "after_id") + 1 :]
        return rest[:limit], len(rest) > limit
    if before := query.get("before_id"):
        rest = models[: _position(ids, before, "before_id")]
        return rest[-limit:], len(rest) > limit
    return models[:limit], len(models) > limit


def _limit(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 4 and 1 <= int(value) <= 1000):
        raise InvalidField("Input should be a whole number from 1 to 1000", param="limit")
    return int(value)


def _position(ids: Sequence[str], model_id: str, param: str) -> int:
    if model_id not in ids:
        raise InvalidField("There is no model of this id", param=param)
    return ids.index(model_id)


def info(model: Model, *, searches: bool = False) -> dict[str, Any]:
    """Return what clients learn of a model; ``searches`` says that the web can be searched here."""
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.name,
        "created_at": datetime.fromtimestamp(model.created, UTC),
        "lifecycle": "active",
        "line": None,
        "deprecated_at": None,
        "retires_at": None,
        "max_input_tokens": model.context,
        "max_tokens": model.context,
        "capabilities": _capabilities(model, searches=searches),
    }


def _capabilities(model: Model, *, searches: bool) -> dict[str, Any]:
    can = model.capabilities
    no = {"supported": False}
    search = {"supported": searches and can.tools}
    thinks = {"supported": can.thinking}
    thinking_types = dict.fromkeys(("adaptive", "between_tools", "enabled"), thinks) | {
        "disabled": {"supported": True}
    }
    efforts = dict.fromkeys(("low", "medium", "high", "xhigh", "max"), no)
    yes = {"supported": True}
    clears = {"clear_thinking_20251015": yes, "clear_tool_uses_20250919": yes}
    return {
        "batch": {"supported": True},
        "citations": yes,
        "code_execution": no,
        "context_management": yes | clears | {"compact_20260112": no},
        "effort": no | efforts,
        "image_input": {"supported": can.images_in},
        "pdf_input": {"supported": can.documents_in},
        "server_tools": search | {"code_execution": no, "web_search": search},
        "structured_outputs": {"supported": can.structured_output},
        "thinking": thinks | {"types": thinking_types},
    }
