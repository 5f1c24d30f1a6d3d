"""What a name of the page's model picker means: a model, or an assistant of the caller's."""

from starlette.requests import Request

from consigne.api.auth import services_of
from consigne.business.caller import Caller
from consigne.chat.assistants import is_assistant


async def model_name(request: Request, caller: Caller, name: str | None) -> str:
    """Return the id of the model or assistant of this name; empty for no name.

    Raises:
        ModelNotFound: There is none for the caller.
    """
    services = services_of(request)
    if not name:
        return ""
    if is_assistant(name):
        return (await services.assistants.named(caller, name)).id
    return services.gateway.resolve(name).id
