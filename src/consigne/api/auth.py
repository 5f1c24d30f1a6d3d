"""Who is calling: an API key in ``x-api-key`` or ``Authorization: Bearer``, on every path."""

from typing import TYPE_CHECKING

from starlette.requests import Request

from consigne.domain.errors import NotAuthenticated

if TYPE_CHECKING:
    from consigne.api.services import Services
    from consigne.business.caller import Caller


def services_of(request: Request) -> "Services":
    """Return what the routes stand on."""
    services: Services = request.app.state.services
    return services


async def authenticate(request: Request) -> "Caller":
    """Return who holds the request's API key.

    Raises:
        NotAuthenticated: There is no key, or none of ours.
    """
    secret = secret_of(request)
    if not secret:
        raise NotAuthenticated(
            "No API key was given. Send one as 'x-api-key: …' or 'Authorization: Bearer …'; "
            "'consigne keys create NAME' makes one."
        )
    caller = await services_of(request).keys.authenticate(secret)
    if caller is None:
        raise NotAuthenticated("This API key is not valid here; it may have been revoked.")
    return caller


def secret_of(request: Request) -> str:
    """Return the API key that the request carries, empty if it carries none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.headers.get("x-api-key", "").strip()
