"""Where a picture is from: for anybody who has one, without an account."""

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api import multipart
from consigne.api.app_routes import schemas
from consigne.api.auth import services_of
from consigne.api.errors import InvalidField
from consigne.provenance.pictures import MOST_BYTES

router = APIRouter(tags=["Provenance"])


@router.post("/verify", response_model=schemas.Provenance)
async def verify(request: Request) -> Response:
    """Say who made a picture, with what, and whether it was changed since.

    The form has one field, `file`. Nothing of it is kept.
    """
    _, files = await multipart.read_all(request, frozenset({"file"}), MOST_BYTES)
    found = files.get("file", [])
    if len(found) != 1 or not found[0]:
        raise InvalidField("Send one picture.", param="file", kind="missing")
    finding = await services_of(request).pictures.verify(found[0])
    return Response(msgspec.json.encode(finding), media_type="application/json")
