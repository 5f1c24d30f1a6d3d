"""Answers while they are written."""

from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.app_routes import tools_schemas as schemas
from consigne.api.app_routes.access import Person
from consigne.api.app_routes.replies import run_stream
from consigne.api.auth import services_of

router = APIRouter(prefix="/runs", tags=["Runs"])


@router.get("/{run_id}/events")
async def read_events(
    request: Request,
    caller: Person,
    run_id: str,
    after: Annotated[int, Query(ge=0)] = 0,
    last_event_id: Annotated[str, Header()] = "",
) -> Response:
    """Stream a run's events after a number, until it is done.

    ``start`` {message_id, model, text: what the message held before}, ``delta`` {text},
    ``thinking`` {text}, ``title`` {title}, ``tool_use`` {id, name, input}, ``tool_asks`` {id, name,
    title, page: whether the page is to do it}, ``tool_runs`` {id, writes}, ``tool_result``
    {tool_use_id, content, is_error}, ``sources`` {sources}, ``done`` {message}. A run
    that has ended answers with ``done`` at once, and with 204 to who has had it: an
    ``EventSource`` then stops.
    """
    if last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 16:
        after = int(last_event_id)
    services = services_of(request)
    batches = services.temporary.events(caller, run_id, after)
    if batches is None:
        batches = await services.runs.events(caller, run_id, after)
    return run_stream(batches) if batches is not None else Response(status_code=204)


@router.post("/{run_id}/stop", status_code=202)
async def stop(request: Request, caller: Person, run_id: str) -> Response:
    """Stop a run; what it wrote is kept."""
    services = services_of(request)
    if not services.temporary.stop(caller, run_id):
        await services.runs.stop(caller, run_id)
    return Response(status_code=202)


@router.post("/{run_id}/calls/{call_id}/leave", status_code=202)
async def give_leave(
    request: Request, caller: Person, run_id: str, call_id: str, body: schemas.Leave
) -> Response:
    """Allow or refuse what a tool's call asks for."""
    await services_of(request).runs.answer_call(caller, run_id, call_id, body.decision)
    return Response(status_code=202)


@router.post("/{run_id}/calls/{call_id}/result", status_code=202)
async def give_result(
    request: Request, caller: Person, run_id: str, call_id: str, body: schemas.PageResult
) -> Response:
    """Give the result of a call that the page was to do; the first page's counts."""
    result = body.model_dump()
    await services_of(request).runs.answer_call(caller, run_id, call_id, result)
    return Response(status_code=202)
