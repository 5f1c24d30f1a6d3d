"""``POST /v1/moderations``: a text model judges, named by the caller or the operator."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter
from pydantic import Field, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api import bodies, sse
from consigne.api.auth import authenticate, services_of
from consigne.api.limits import Body
from consigne.api.openai.shared import refuse
from consigne.domain.errors import ModelNotFound
from consigne.domain.ids import new_id
from consigne.domain.models import Model
from consigne.gateway.judging import FLAGGED, Models, judge

router = APIRouter()


class TextPart(Body):
    """A text within what is judged as one."""

    type: Literal["text"]
    text: str


class ImagePart(Body):
    """A picture, which no model here judges."""

    type: Literal["image_url"]
    image_url: dict[str, Any]


Part = Annotated[TextPart | ImagePart, Field(discriminator="type")]
MOST_INPUTS = 100
"""Texts of one request: each is judged by one question for every category."""
_NOBODY = (
    "There is no moderation model here: nothing was judged, neither as harmless nor as harmful. "
    "Name a text model of GET /v1/models in 'model', or have the operator set models.moderation."
)


class ModerationBody(Body):
    """The body of a request for moderation."""

    input: (
        str
        | Annotated[list[str], Field(min_length=1, max_length=MOST_INPUTS)]
        | Annotated[list[Part], Field(min_length=1, max_length=MOST_INPUTS)]
    )
    model: str | None = Field(default=None, max_length=256)


body_adapter: TypeAdapter[ModerationBody] = TypeAdapter(ModerationBody)


@router.post("/v1/moderations")
async def create_moderation(request: Request) -> Response:
    """Judge texts by the categories of moderation.

    Raises:
        ModelNotFound: No model is named: neither by the caller nor by the operator.
    """
    await authenticate(request)
    body = await bodies.read(request, body_adapter)
    texts = _texts(body)
    services = services_of(request)
    named = body.model or services.settings.models.moderation
    if not named:
        raise ModelNotFound(_NOBODY, param="model")
    model = services.gateway.resolve(named)
    work = _judged(services.gateway, texts, model)
    scores = await sse.while_connected(request.receive, work)
    found = {
        "id": new_id("modr"),
        "model": model.id,
        "results": [_result(each) for each in scores],
    }
    return Response(msgspec.json.encode(found), media_type="application/json")


def _texts(body: ModerationBody) -> Sequence[str]:
    if isinstance(body.input, str):
        return [body.input]
    texts = [part for part in body.input if isinstance(part, str)]
    if texts:
        return texts
    parts = []
    for at, part in enumerate(body.input):
        if not isinstance(part, TextPart):
            refuse(f"input[{at}]", "pictures are judged by no model here; send text alone")
        parts.append(part.text)
    return ["\n\n".join(parts)]


async def _judged(models: Models, texts: Sequence[str], model: Model) -> list[dict[str, float]]:
    return [await judge(text, model, models) for text in texts]


def _result(scores: dict[str, float]) -> dict[str, Any]:
    categories = {name: score >= FLAGGED for name, score in scores.items()}
    return {
        "flagged": any(categories.values()),
        "categories": categories,
        "category_scores": scores,
        "category_applied_input_types": {name: ["text"] for name in scores},
    }
