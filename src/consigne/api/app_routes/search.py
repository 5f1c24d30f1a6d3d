"""Search over all of a person's conversations."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.app_routes import schemas
from consigne.api.app_routes.access import Person
from consigne.api.app_routes.replies import reply
from consigne.api.auth import services_of

router = APIRouter(prefix="/search", tags=["Conversations"])


@router.get("", response_model=schemas.Found)
async def find(request: Request, caller: Person, query: str = "", limit: int = 30) -> Response:
    """Find titles and messages, best first, each message with the part that matches.

    All words must be there, in any order; the last may be unfinished; words in quotation marks
    stand together. Case and accents make no difference. Any query is a good one.
    """
    return reply(await services_of(request).search.find(caller, query, limit=limit))
