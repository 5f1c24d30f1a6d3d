"""Folders of conversations."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.app_routes import schemas
from consigne.api.app_routes.access import Person
from consigne.api.app_routes.replies import reply
from consigne.api.auth import services_of

router = APIRouter(prefix="/folders", tags=["Folders"])


@router.get("", response_model=schemas.Folders)
async def list_folders(request: Request, caller: Person) -> Response:
    """List folders by name."""
    return reply({"folders": await services_of(request).folders.list(caller)})


@router.post("", status_code=201, response_model=schemas.Folder)
async def create_folder(request: Request, caller: Person, body: schemas.FolderName) -> Response:
    """Make a folder."""
    return reply(await services_of(request).folders.create(caller, body.name), 201)


@router.patch("/{folder_id}", response_model=schemas.Folder)
async def rename_folder(
    request: Request, caller: Person, folder_id: str, body: schemas.FolderName
) -> Response:
    """Rename a folder."""
    return reply(await services_of(request).folders.rename(caller, folder_id, body.name))


@router.delete("/{folder_id}", status_code=204)
async def delete_folder(request: Request, caller: Person, folder_id: str) -> Response:
    """Delete a folder, not what lies in it; it can be restored for a day."""
    await services_of(request).folders.delete(caller, folder_id)
    return Response(status_code=204)


@router.post("/{folder_id}/restore", response_model=schemas.Folder)
async def restore_folder(request: Request, caller: Person, folder_id: str) -> Response:
    """Undo a folder's deletion; what lay in it lies in it again."""
    return reply(await services_of(request).folders.restore(caller, folder_id))
