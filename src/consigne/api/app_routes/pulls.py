"""Models on their way to this machine."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.app_routes import model_schemas
from consigne.api.app_routes.access import Administrator, Person
from consigne.api.app_routes.replies import pull_stream, reply
from consigne.api.auth import services_of

router = APIRouter(prefix="/models/pulls", tags=["Models"])


@router.get("", response_model=model_schemas.Pulls)
async def list_pulls(request: Request, _: Person) -> Response:
    """List the pulls that run and the last that ended."""
    return reply({"pulls": services_of(request).pulls.list()})


@router.post("", status_code=202, response_model=model_schemas.Pull)
async def start_pull(request: Request, body: model_schemas.NewPull, _: Administrator) -> Response:
    """Begin to bring a model; one that is on its way already is not brought twice."""
    return reply(services_of(request).pulls.start(body.source), 202)


@router.get("/events")
async def watch_pulls(request: Request, _: Person) -> Response:
    """Stream events of kind ``pull``: each pull as it is now, then whenever it changes."""
    return pull_stream(services_of(request).pulls.watch())


@router.delete("/{pull_id}", status_code=204)
async def cancel_pull(request: Request, pull_id: str, _: Administrator) -> Response:
    """Cancel a pull."""
    services_of(request).pulls.cancel(pull_id)
    return Response(status_code=204)
