"""Who may use the web app's API: people with a session, from the app's own pages."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.auth import services_of
from consigne.business.caller import Caller
from consigne.business.identity import SESSION_LIFE
from consigne.domain.errors import NotAuthenticated, NotPermitted

COOKIE = "consigne_session"
_SAFE = ("GET", "HEAD", "OPTIONS")


async def require_same_origin(request: Request) -> None:
    """Refuse what another site's page sends in the name of somebody who is signed in here.

    Browsers name a request's origin whenever it may change something; what names none is no
    browser's, and carries no cookie against its owner's will.

    Raises:
        NotPermitted: The request comes from a page of another origin.
    """
    origin = request.headers.get("origin")
    if request.method in _SAFE or origin is None:
        return
    public = services_of(request).settings.server.public_url
    own = {request.headers.get("host", ""), urlsplit(public).netloc}
    if urlsplit(origin).netloc not in own - {""}:
        raise NotPermitted("This request comes from another site's page.")


async def signed_in(request: Request) -> Caller:
    """Return who is signed in.

    Raises:
        NotAuthenticated: Nobody is.
    """
    secret = request.cookies.get(COOKIE, "")
    caller = await services_of(request).identity.caller(secret) if secret else None
    if caller is None:
        raise NotAuthenticated("Sign in first.")
    return caller


Person = Annotated[Caller, Depends(signed_in)]


async def administering(caller: Person) -> Caller:
    """Return who is signed in, if they may change what everybody here uses.

    Raises:
        NotPermitted: They may not.
    """
    if not caller.may_administer:
        raise NotPermitted("Only an owner or administrator may do this.")
    return caller


Administrator = Annotated[Caller, Depends(administering)]


def set_cookie(request: Request, response: Response, secret: str) -> None:
    """Let the browser keep a session's secret, out of its scripts' reach."""
    public = services_of(request).settings.server.public_url
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(SESSION_LIFE.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https" or public.startswith("https:"),
    )
