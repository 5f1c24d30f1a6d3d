"""Projects: conversations with the same instructions and knowledge."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.app_routes.access import Person
from consigne.api.app_routes.replies import reply
from consigne.api.app_routes.schemas import Document, In, Out
from consigne.api.auth import services_of
from consigne.chat.projects import NewProject

router = APIRouter(prefix="/projects", tags=["Projects"])


class ProjectIn(In):
    """What a project is to be; ``shared`` lets the workspace use it."""

    name: Annotated[str, Field(max_length=2000)]
    description: Annotated[str, Field(max_length=2000)] = ""
    instructions: Annotated[str, Field(max_length=100_000)] = ""
    shared: bool = False


class Project(Out):
    """A project."""

    id: str
    name: str
    description: str
    instructions: str
    shared: bool
    mine: bool
    may_change: bool
    """Whether you may change and delete it."""
    maker: str
    updated_at: datetime
    created_at: datetime


class ProjectList(Out):
    """All projects."""

    projects: list[Project]


class OpenedProject(Out):
    """A project and what is in it."""

    project: Project
    files: list[Document]
    conversations: int
    """How many of yours are in it."""


@router.get("", response_model=ProjectList)
async def list_projects(request: Request, caller: Person) -> Response:
    """List your projects and those shared in your workspace, by name."""
    return reply({"projects": await services_of(request).projects.list(caller)})


@router.post("", status_code=201, response_model=OpenedProject)
async def create_project(request: Request, caller: Person, body: ProjectIn) -> Response:
    """Make a project."""
    made = await services_of(request).projects.create(caller, NewProject(**body.model_dump()))
    return reply(made, 201)


@router.get("/{project_id}", response_model=OpenedProject)
async def read_project(request: Request, caller: Person, project_id: str) -> Response:
    """Return a project and its files; its conversations are listed by its id as their place."""
    return reply(await services_of(request).projects.open(caller, project_id))


@router.put("/{project_id}", response_model=OpenedProject)
async def change_project(
    request: Request, caller: Person, project_id: str, body: ProjectIn
) -> Response:
    """Make a project another: one of yours, or as an owner one that is shared."""
    projects = services_of(request).projects
    return reply(await projects.change(caller, project_id, NewProject(**body.model_dump())))


@router.delete("/{project_id}", status_code=204)
async def delete_project(
    request: Request,
    caller: Person,
    project_id: str,
    conversations: Literal["keep", "delete"] = "keep",
) -> Response:
    """Delete a project; it can be restored for a day.

    Its conversations are kept as ordinary ones, or yours are deleted with it.
    """
    services = services_of(request)
    gone = await services.projects.delete(
        caller, project_id, with_conversations=conversations == "delete"
    )
    for conversation_id in gone:
        services.runs.stop_conversation(conversation_id)
    return Response(status_code=204)


@router.post("/{project_id}/restore", response_model=OpenedProject)
async def restore_project(request: Request, caller: Person, project_id: str) -> Response:
    """Undo a deletion, also of the conversations that went with it."""
    return reply(await services_of(request).projects.restore(caller, project_id))


@router.put("/{project_id}/files/{document_id}", response_model=OpenedProject)
async def add_file(request: Request, caller: Person, project_id: str, document_id: str) -> Response:
    """Let a project's conversations stand on a document of yours."""
    return reply(await services_of(request).projects.add_file(caller, project_id, document_id))


@router.delete("/{project_id}/files/{document_id}", response_model=OpenedProject)
async def remove_file(
    request: Request, caller: Person, project_id: str, document_id: str
) -> Response:
    """Take a document out of a project; it stays yours."""
    return reply(await services_of(request).projects.remove_file(caller, project_id, document_id))
