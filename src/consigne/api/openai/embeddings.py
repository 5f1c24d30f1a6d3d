"""``POST /v1/embeddings``."""

import base64
import struct
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
from consigne.domain.embeddings import Embeddable, Embeddings

router = APIRouter()

Text = Annotated[str, Field(min_length=1)]
Token = Annotated[int, Field(ge=0, lt=2**31)]
Tokens = Annotated[list[Token], Field(min_length=1, max_length=100_000)]


class EmbeddingsBody(Body):
    """The body of a request for embeddings."""

    model: str = Field(max_length=256)
    input: (
        Text
        | Annotated[list[Text], Field(min_length=1, max_length=2048)]
        | Annotated[list[Token] | list[Tokens], Field(min_length=1, max_length=2048)]
    )
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = Field(default=None, ge=1)
    user: str | None = None


body_adapter: TypeAdapter[EmbeddingsBody] = TypeAdapter(EmbeddingsBody)


@router.post("/v1/embeddings")
async def create_embeddings(request: Request) -> Response:
    """Turn texts into vectors."""
    await authenticate(request)
    body = await bodies.read(request, body_adapter)
    gateway = services_of(request).gateway
    model = gateway.resolve(body.model, "embedding")
    work = gateway.embed(model.id, texts_of(body), body.dimensions)
    found = await sse.while_connected(request.receive, work)
    return Response(msgspec.json.encode(wire(found, body, model.id)), media_type="application/json")


def texts_of(body: EmbeddingsBody) -> Sequence[Embeddable]:
    """Return what to embed: texts, or the tokens of such."""
    if isinstance(body.input, str):
        return (body.input,)
    tokens = tuple(each for each in body.input if isinstance(each, int))
    if tokens:
        return (tokens,)
    return [each if isinstance(each, str) else tuple(each) for each in body.input]  # type: ignore[arg-type]


def wire(found: Embeddings, body: EmbeddingsBody, model_id: str) -> dict[str, Any]:
    """Return the answer's body.

    Raises:
        InvalidField: The vectors are not of the dimensions asked for.
    """
    size = len(found.vectors[0])
    if body.dimensions not in (None, size):
        refuse("dimensions", f"this model's vectors have {size} dimensions, which can't be chosen")
    encode = _base64 if body.encoding_format == "base64" else list
    data = [
        {"object": "embedding", "index": i, "embedding": encode(vector)}
        for i, vector in enumerate(found.vectors)
    ]
    usage = {"prompt_tokens": found.input_tokens, "total_tokens": found.input_tokens}
    return {"object": "list", "data": data, "model": model_id, "usage": usage}


def _base64(vector: Sequence[float]) -> str:
    """Encode as the dialect does: 32-bit floats, little end first."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
