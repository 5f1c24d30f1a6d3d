"""What a person lets every model know: instructions of their own, and facts to remember."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.app_routes.access import Person
from consigne.api.app_routes.replies import reply
from consigne.api.app_routes.schemas import In, Out
from consigne.api.auth import services_of
from consigne.chat.personal import Instructions

router = APIRouter(prefix="/personal", tags=["Personal"])


class InstructionsIn(In):
    """Your instructions, in place of those before; 1,500 characters each at most."""

    about: Annotated[str, Field(max_length=20_000)] = ""
    style: Annotated[str, Field(max_length=20_000)] = ""
    enabled: bool = True
    memory_enabled: bool = True


class FactIn(In):
    """A fact of 300 characters at most."""

    text: Annotated[str, Field(max_length=20_000)]


class InstructionsOut(Out):
    """Your instructions."""

    about: str
    style: str
    enabled: bool
    memory_enabled: bool


class FactOut(Out):
    """A fact that is remembered."""

    id: str
    text: str
    source: Literal["person", "model"]
    created_at: datetime


class Known(Out):
    """All that you let models know."""

    instructions: InstructionsOut
    facts: list[FactOut]


@router.get("", response_model=Known)
async def read_personal(request: Request, caller: Person) -> Response:
    """Return all that you let models know."""
    return reply(await services_of(request).personal.known(caller))


@router.put("/instructions", response_model=InstructionsOut)
async def write_instructions(request: Request, caller: Person, body: InstructionsIn) -> Response:
    """Change your instructions; models read them at the beginning of every chat."""
    wanted = Instructions(body.about, body.style, body.enabled, body.memory_enabled)
    return reply(await services_of(request).personal.instruct(caller, wanted))


@router.post("/facts", status_code=201, response_model=FactOut)
async def remember(request: Request, caller: Person, body: FactIn) -> Response:
    """Let a fact be remembered; one that is known already is not kept twice."""
    return reply(await services_of(request).personal.remember(caller, body.text), 201)


@router.patch("/facts/{fact_id}", response_model=FactOut)
async def reword(request: Request, caller: Person, fact_id: str, body: FactIn) -> Response:
    """Change a fact."""
    return reply(await services_of(request).personal.reword(caller, fact_id, body.text))


@router.delete("/facts/{fact_id}", status_code=204)
async def forget(request: Request, caller: Person, fact_id: str) -> Response:
    """Delete a fact; it can be restored for a day."""
    await services_of(request).personal.forget(caller, fact_id)
    return Response(status_code=204)


@router.post("/facts/{fact_id}/restore", response_model=FactOut)
async def restore_fact(request: Request, caller: Person, fact_id: str) -> Response:
    """Undo a deletion."""
    return reply(await services_of(request).personal.restore(caller, fact_id))
