"""Signing in and out."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.app_routes import schemas
from consigne.api.app_routes.access import COOKIE, Person, set_cookie
from consigne.api.app_routes.replies import reply
from consigne.api.auth import services_of
from consigne.business.identity import Profile
from consigne.settings import ProvenanceSettings

router = APIRouter(tags=["Session"])


@router.get("/session", response_model=schemas.Session)
async def read_session(request: Request, caller: Person) -> Response:
    """Say who is signed in."""
    profile = await services_of(request).identity.profile(caller)
    response = reply(_body(profile, services_of(request).settings.provenance))
    set_cookie(request, response, request.cookies[COOKIE])  # prolonged with the session itself
    return response


@router.post("/session", response_model=schemas.Session)
async def sign_in(request: Request, body: schemas.SignIn) -> Response:
    """Sign in with a one-time link's token."""
    identity = services_of(request).identity
    signed_in = await identity.sign_in(body.token)
    profile = await identity.profile(signed_in.caller)
    response = reply(_body(profile, services_of(request).settings.provenance))
    set_cookie(request, response, signed_in.secret)
    return response


@router.delete("/session", status_code=204)
async def sign_out(request: Request) -> Response:
    """Sign out of this browser."""
    await services_of(request).identity.sign_out(request.cookies.get(COOKIE, ""))
    response = Response(status_code=204)
    response.delete_cookie(COOKIE)
    return response


def _body(profile: Profile, marks: ProvenanceSettings) -> dict[str, object]:
    user = profile.user
    return {
        "user": {"id": user.id, "name": user.name, "email": user.email},
        "organisation": {"id": profile.organisation_id, "name": profile.organisation_name},
        "role": user.role,
        "copies_marked_by": marks.organisation if "copy" in marks.text_marks else None,
    }
