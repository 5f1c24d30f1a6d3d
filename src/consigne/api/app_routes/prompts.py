"""Instructions that are kept and shared, with places to fill in."""

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
from consigne.chat.prompts import PromptChange

router = APIRouter(prefix="/prompts", tags=["Prompts"])

Text = Annotated[str, Field(max_length=100_000)]


class NewPrompt(In):
    """Places are written ``{{name}}``, ``{{name=default}}`` or ``{{name:one|another}}``."""

    name: Annotated[str, Field(max_length=400)]
    text: Text
    shared: bool = False


class PromptPatch(In):
    """Only what is given changes."""

    name: Annotated[str, Field(max_length=400)] | None = None
    text: Text | None = None
    shared: bool | None = None


class Place(Out):
    """A place to fill in."""

    name: str
    default: str
    choices: list[str]


class Prompt(Out):
    """An instruction that is kept."""

    id: str
    name: str
    text: str
    places: list[Place]
    shared: bool
    mine: bool
    updated_at: datetime


class PromptList(Out):
    """All prompts."""

    prompts: list[Prompt]


@router.get("", response_model=PromptList)
async def list_prompts(request: Request, caller: Person) -> Response:
    """List your prompts and those shared in your workspace, by name."""
    return reply({"prompts": await services_of(request).prompts.list(caller)})


@router.post("", status_code=201, response_model=Prompt)
async def create_prompt(request: Request, caller: Person, body: NewPrompt) -> Response:
    """Keep a prompt."""
    prompts = services_of(request).prompts
    return reply(await prompts.create(caller, body.name, body.text, shared=body.shared), 201)


@router.patch("/{prompt_id}", response_model=Prompt)
async def change_prompt(
    request: Request, caller: Person, prompt_id: str, body: PromptPatch
) -> Response:
    """Change a prompt that you made."""
    change = PromptChange(body.name, body.text, body.shared)
    return reply(await services_of(request).prompts.change(caller, prompt_id, change))


@router.delete("/{prompt_id}", status_code=204)
async def delete_prompt(request: Request, caller: Person, prompt_id: str) -> Response:
    """Delete a prompt that you made; it can be restored for a day."""
    await services_of(request).prompts.delete(caller, prompt_id)
    return Response(status_code=204)


@router.post("/{prompt_id}/restore", response_model=Prompt)
async def restore_prompt(request: Request, caller: Person, prompt_id: str) -> Response:
    """Undo a deletion."""
    return reply(await services_of(request).prompts.restore(caller, prompt_id))
