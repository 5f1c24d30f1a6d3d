"""The web app's own API, under ``/api/``: by session cookie, from its own pages alone."""

from fastapi import APIRouter, Depends

from consigne.api.app_routes import (
    conversations,
    folders,
    models,
    pulls,
    runs,
    search,
    session,
    verify,
)
from consigne.api.app_routes.access import require_same_origin

router = APIRouter(prefix="/api", dependencies=[Depends(require_same_origin)])
for _part in (session, models, pulls, conversations, folders, search, runs, verify):
    router.include_router(_part.router)

__all__ = ["router"]
