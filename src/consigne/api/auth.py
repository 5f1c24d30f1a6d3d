"""Who is calling: an API key in ``x-api-key`` or ``Authorization: Bearer``, on every path."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request

from consigne.business.guard import guarded
from consigne.chat.assisting import assisting
from consigne.domain.errors import NotAuthenticated, NotPermitted
from consigne.gateway import metering

if TYPE_CHECKING:
    from consigne.api.services import Services
    from consigne.business.caller import Caller
    from consigne.business.grants import Grant
    from consigne.business.limits import Account

_SECRETS = frozenset({b"authorization", b"x-api-key"})
_SCOPES = (
    ("/v1/messages/batches", "batches"),
    ("/v1/messages", "generate"),
    ("/v1/chat/", "generate"),
    ("/v1/responses", "generate"),
    ("/v1/completions", "generate"),
    ("/v1/conversations", "generate"),
    ("/v1/moderations", "generate"),
    ("/v1/embeddings", "embed"),
    ("/v1/images", "images"),
    ("/v1/files", "files"),
    ("/v1/uploads", "files"),
    ("/v1/batches", "batches"),
    ("/v1/models", "models"),
)
"""The scope that a key needs for the paths under a prefix; the first that fits counts."""


def services_of(request: Request) -> "Services":
    """Return what the routes stand on; to a bounded key, with a gateway of its own bounds."""
    bounded: Services | None = request.scope["state"].get("services")
    services: Services = request.scope["app"].state.services if bounded is None else bounded
    return services


async def authenticate(request: Request) -> "Caller":
    """Return who holds the request's API key; the request counts against the key's limits.

    Raises:
        NotAuthenticated: There is no key, none of ours, or one whose time is over.
        NotPermitted: The key has not the scope that the path needs.
        RateLimited: The key made too many requests.
    """
    state = request.scope["state"]
    use = metering.current()
    if known := cast("Caller | None", state.get("caller")):
        if use is not None:
            use.whose = known
        # Known already, or the service's own call, which says on whose behalf it is.
        if "account" not in state and "services" not in state:
            await _bind_gateway(request, known)
        return known
    secret = secret_of(request)
    if not secret:
        raise NotAuthenticated(
            "No API key was given. Send one as 'x-api-key: …' or 'Authorization: Bearer …'; "
            "'consigne keys create NAME' makes one."
        )
    caller = await services_of(request).keys.authenticate(secret)
    if caller is None:
        raise NotAuthenticated("This API key is not valid here; it may have been revoked.")
    account = _bind(request, caller.grant, caller.key_id or "") if caller.grant else None
    await _bind_gateway(request, caller, account)
    state["caller"] = caller
    if use is not None:
        use.whose = caller
    return caller


def secret_of(request: Request) -> str:
    """Return the API key that the request carries, empty if it carries none."""
    headers: list[tuple[bytes, bytes]] = request.scope["headers"]
    # Of several the first counts.
    given = {name: value for name, value in reversed(headers) if name in _SECRETS}
    scheme, _, token = given.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and (token := token.strip()):
        return token.decode("latin-1")
    return given.get(b"x-api-key", b"").decode("latin-1").strip()


@lru_cache(maxsize=64)
def scope_of(path: str) -> str | None:
    """Return the scope that a key needs for a path."""
    return next((scope for prefix, scope in _SCOPES if path.startswith(prefix)), None)


def hold_to_scope(grant: "Grant | None", path: str) -> None:
    """Refuse a path that a key is not for; a batch's requests go to paths of their own.

    Raises:
        NotPermitted: The key has not the scope that the path needs.
    """
    needed = scope_of(path)
    if grant is not None and grant.scopes is not None and needed not in grant.scopes:
        raise NotPermitted(
            f"This API key may not do this: it lacks the scope '{needed}'. "
            f"Its scopes are: {', '.join(sorted(grant.scopes))}."
        )


def _bind(request: Request, grant: "Grant", key_id: str) -> "Account":
    """Hold the request to what its key may do."""
    hold_to_scope(grant, request.scope["path"])  # the URL holds what the Host header says
    account = services_of(request).limiter.account(key_id, grant.limits)
    request.scope["state"]["account"] = account
    account.take_request()
    return account


async def _bind_gateway(
    request: Request, caller: "Caller", account: "Account | None" = None
) -> None:
    """Give the request a gateway with its workspace's assistants, within its key's bounds."""
    services = request.app.state.services
    served = await services.assistants.served(caller)
    gateway = assisting(services.gateway, served, services.grounding, caller.organisation_id)
    if caller.grant is not None:
        gateway = guarded(gateway, caller.grant.models, account)
    if gateway is not services.gateway:
        request.scope["state"]["services"] = _Bounded(services, gateway)


class _Bounded:
    """The services, with another gateway."""

    def __init__(self, services: "Services", gateway: Any) -> None:
        self._services = services
        self.gateway = gateway

    def __getattr__(self, name: str) -> Any:
        return getattr(self._services, name)
