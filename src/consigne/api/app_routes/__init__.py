"""The web app's own API, under ``/api/``: by session cookie, from its own pages alone."""

from fastapi import APIRouter, Depends

from consigne.api.app_routes import (
    artifacts,
    assistants,
    conversations,
    documents,
    feedback,
    folders,
    models,
    personal,
    pictures,
    projects,
    prompts,
    pulls,
    runs,
    schedules,
    search,
    session,
    shares,
    skills,
    temporary,
    tools,
    transfers,
    usage,
    verify,
)
from consigne.api.app_routes.access import require_same_origin

router = APIRouter(prefix="/api", dependencies=[Depends(require_same_origin)])
_parts = (
    session, models, pulls, conversations, folders, search, runs,
    feedback, personal, prompts, assistants, schedules, skills, temporary,
    tools, artifacts, documents, pictures, transfers, verify,
    projects, shares, usage,
)  # fmt: skip
for _part in _parts:
    router.include_router(_part.router)

__all__ = ["router"]
