"""Temporary chats: answered and never stored."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.app_routes import schemas
from consigne.api.app_routes.access import Person
from consigne.api.app_routes.replies import reply
from consigne.api.auth import services_of
from consigne.chat.temporary import Said

router = APIRouter(prefix="/temporary", tags=["Temporary chats"])


class SaidIn(schemas.In):
    """A turn; questions and answers alternate."""

    role: Literal["user", "assistant"]
    text: Annotated[str, Field(max_length=1_000_000)]
    model: Annotated[str, Field(max_length=200)] = ""


class TemporaryChat(schemas.In):
    """A temporary chat as the page holds it."""

    messages: Annotated[list[SaidIn], Field(min_length=1, max_length=1000)]
    model: Annotated[str, Field(max_length=200)] = ""


@router.post("", status_code=201, response_model=schemas.Started)
async def answer(request: Request, caller: Person, body: TemporaryChat) -> Response:
    """Let the last question be answered; the run's events are read as any other's."""
    return reply(await services_of(request).temporary.answer(caller, _said(body), body.model), 201)


@router.post("/keep", status_code=201, response_model=schemas.Conversation)
async def keep(request: Request, caller: Person, body: TemporaryChat) -> Response:
    """Store a temporary chat as a conversation like any other."""
    return reply(await services_of(request).temporary.keep(caller, _said(body), body.model), 201)


def _said(body: TemporaryChat) -> list[Said]:
    return [Said(turn.role, turn.text, turn.model) for turn in body.messages]
