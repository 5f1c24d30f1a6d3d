"""Instructions that are sent at times."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.app_routes.access import Person
from consigne.api.app_routes.naming import model_name
from consigne.api.app_routes.replies import reply
from consigne.api.app_routes.schemas import In, Out
from consigne.api.auth import services_of
from consigne.chat.schedules import NewSchedule

router = APIRouter(prefix="/schedules", tags=["Schedules"])


class ScheduleIn(In):
    """``cron`` has five fields (minute, hour, day, month, weekday), in the time zone."""

    name: Annotated[str, Field(max_length=400)]
    text: Annotated[str, Field(max_length=100_000)]
    cron: Annotated[str, Field(max_length=200)]
    time_zone: Annotated[str, Field(max_length=100)]
    model: Annotated[str, Field(max_length=200)] = ""


class Paused(In):
    """Whether it is paused."""

    paused: bool


class ReadIn(In):
    """The conversation that was looked at."""

    conversation_id: Annotated[str, Field(max_length=64)]


class Schedule(Out):
    """An instruction and its times."""

    id: str
    name: str
    text: str
    model: str
    cron: str
    time_zone: str
    conversation_id: str | None
    paused: bool
    unread: bool
    running: bool
    next_at: datetime | None
    last_at: datetime | None
    last_state: str | None
    last_error: str | None


class ScheduleList(Out):
    """All schedules."""

    schedules: list[Schedule]


@router.get("", response_model=ScheduleList)
async def list_schedules(request: Request, caller: Person) -> Response:
    """List your schedules by name."""
    return reply({"schedules": await services_of(request).schedules.list(caller)})


@router.post("", status_code=201, response_model=Schedule)
async def create_schedule(request: Request, caller: Person, body: ScheduleIn) -> Response:
    """Schedule an instruction."""
    wanted = await _wanted(request, caller, body)
    return reply(await services_of(request).schedules.create(caller, wanted), 201)


@router.post("/read", status_code=204)
async def read_schedules(request: Request, caller: Person, body: ReadIn) -> Response:
    """Say that you saw what ran in a conversation."""
    await services_of(request).schedules.read(caller, body.conversation_id)
    return Response(status_code=204)


@router.put("/{schedule_id}", response_model=Schedule)
async def change_schedule(
    request: Request, caller: Person, schedule_id: str, body: ScheduleIn
) -> Response:
    """Change a schedule."""
    wanted = await _wanted(request, caller, body)
    return reply(await services_of(request).schedules.change(caller, schedule_id, wanted))


@router.post("/{schedule_id}/pause", response_model=Schedule)
async def pause_schedule(
    request: Request, caller: Person, schedule_id: str, body: Paused
) -> Response:
    """Pause a schedule, or resume it."""
    schedules = services_of(request).schedules
    return reply(await schedules.pause(caller, schedule_id, paused=body.paused))


@router.post("/{schedule_id}/run", status_code=202, response_model=Schedule)
async def run_schedule(request: Request, caller: Person, schedule_id: str) -> Response:
    """Let a schedule run at once, beside its times."""
    services = services_of(request)
    found = await services.schedules.run_now(caller, schedule_id)
    await services.scheduling.begin_due(caller.organisation_id)
    return reply(found, 202)


@router.delete("/{schedule_id}", status_code=204)
async def delete_schedule(request: Request, caller: Person, schedule_id: str) -> Response:
    """Delete a schedule, not what it wrote; it can be restored for a day."""
    await services_of(request).schedules.delete(caller, schedule_id)
    return Response(status_code=204)


@router.post("/{schedule_id}/restore", response_model=Schedule)
async def restore_schedule(request: Request, caller: Person, schedule_id: str) -> Response:
    """Undo a deletion."""
    return reply(await services_of(request).schedules.restore(caller, schedule_id))


async def _wanted(request: Request, caller: Person, body: ScheduleIn) -> NewSchedule:
    model = await model_name(request, caller, body.model)
    return NewSchedule(body.name, body.text, body.cron, body.time_zone, model)
