"""``POST /v1/moderations``: what is to be judged is checked; no model here judges it."""

from typing import Any

from fastapi import APIRouter
from pydantic import Field, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api import bodies
from consigne.api.auth import authenticate
from consigne.api.limits import Body
from consigne.domain.errors import ModelNotFound

router = APIRouter()


class ModerationBody(Body):
    """The body of a request for moderation."""

    input: str | list[str] | list[dict[str, Any]]
    model: str | None = Field(default=None, max_length=256)


body_adapter: TypeAdapter[ModerationBody] = TypeAdapter(ModerationBody)


@router.post("/v1/moderations")
async def create_moderation(request: Request) -> Response:
    """Say that there is no moderation model: a made-up judgement would be worse than none.

    Raises:
        ModelNotFound: Always.
    """
    await authenticate(request)
    body = await bodies.read(request, body_adapter)
    named = (
        f"The moderation model '{body.model}' does not exist here"
        if body.model
        else ("There is no moderation model here")
    )
    raise ModelNotFound(
        f"{named}: nothing was judged, neither as harmless nor as harmful. Ask a chat model of "
        "GET /v1/models to classify the text, with 'response_format' for the categories you "
        "need, or send moderation requests to the service that has such a model.",
        param="model",
    )
