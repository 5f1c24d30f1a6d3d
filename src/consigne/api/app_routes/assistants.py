"""Assistants: instructions, a model and settings under a name."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.app_routes.access import Person
from consigne.api.app_routes.replies import reply
from consigne.api.app_routes.schemas import In, Out
from consigne.api.auth import services_of
from consigne.chat.assistants import Assistant as Found
from consigne.chat.assistants import Colour, NewAssistant, Settings

router = APIRouter(prefix="/assistants", tags=["Assistants"])

Line = Annotated[str, Field(max_length=2000)]
Lines = Annotated[list[Line], Field(max_length=100, default_factory=list)]


class SettingsIn(In):
    """How answers are made; what is left out is the model's own."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None


class AssistantIn(In):
    """What an assistant is to be; the model is the default's if none is named."""

    name: Line
    description: Line = ""
    instructions: Annotated[str, Field(max_length=100_000)] = ""
    model: Annotated[str, Field(max_length=200)] = ""
    settings: SettingsIn = SettingsIn()
    tools: Lines
    knowledge: Lines
    starters: Lines
    letter: Annotated[str, Field(max_length=8)] = ""
    colour: Colour = "teal"
    shared: bool = False


class SettingsOut(Out):
    """How answers are made."""

    temperature: float | None
    top_p: float | None
    max_tokens: int | None


class Assistant(Out):
    """An assistant; its id is a model's name, here and over the API."""

    id: str
    name: str
    description: str
    instructions: str
    model: str
    settings: SettingsOut
    tools: list[str]
    knowledge: list[str]
    starters: list[str]
    letter: str
    colour: Colour
    shared: bool
    mine: bool
    updated_at: datetime
    created_at: datetime


class AssistantList(Out):
    """All assistants."""

    assistants: list[Assistant]


@router.get("", response_model=AssistantList)
async def list_assistants(request: Request, caller: Person) -> Response:
    """List your assistants and those shared in your workspace, by name."""
    return reply({"assistants": await services_of(request).assistants.list(caller)})


@router.post("", status_code=201, response_model=Assistant)
async def create_assistant(request: Request, caller: Person, body: AssistantIn) -> Response:
    """Make an assistant."""
    made: Found = await services_of(request).assistants.create(caller, _wanted(request, body))
    return reply(made, 201)


@router.put("/{assistant_id}", response_model=Assistant)
async def change_assistant(
    request: Request, caller: Person, assistant_id: str, body: AssistantIn
) -> Response:
    """Make an assistant of yours another."""
    assistants = services_of(request).assistants
    return reply(await assistants.change(caller, assistant_id, _wanted(request, body)))


@router.delete("/{assistant_id}", status_code=204)
async def delete_assistant(request: Request, caller: Person, assistant_id: str) -> Response:
    """Delete an assistant that you made; it can be restored for a day."""
    await services_of(request).assistants.delete(caller, assistant_id)
    return Response(status_code=204)


@router.post("/{assistant_id}/restore", response_model=Assistant)
async def restore_assistant(request: Request, caller: Person, assistant_id: str) -> Response:
    """Undo a deletion."""
    return reply(await services_of(request).assistants.restore(caller, assistant_id))


def _wanted(request: Request, body: AssistantIn) -> NewAssistant:
    gateway = services_of(request).gateway
    fields = body.model_dump(exclude={"settings", "model"})
    settings = Settings(**body.settings.model_dump())
    model = gateway.resolve(body.model).id if body.model else ""
    return NewAssistant(**fields, model=model, settings=settings)
