"""The files of a request, put in place before a model is asked."""

from starlette.requests import Request as HttpRequest

from consigne.api.auth import hold_to_scope, services_of
from consigne.business.caller import Caller
from consigne.domain.events import Cited
from consigne.domain.messages import DocumentBlock, Request, files_of
from consigne.domain.models import Model


async def placed(http: HttpRequest, caller: Caller, model: Model, request: Request) -> Request:
    """Return the request with its uploaded files, and its documents as the model reads them.

    Raises:
        NotPermitted: It names one, and the key is not for files.
        NotFound: There is no file of an id that the request names.
        InvalidRequest: A file can't be read.
    """
    files = files_of(request)
    if not files:
        return request
    if any(each.file_id is not None for each in files):
        hold_to_scope(caller.grant, "/v1/files")
    return await services_of(http).attachments.placed(request, caller, model)


async def quoted(
    http: HttpRequest, caller: Caller, model: Model, request: Request
) -> tuple[Request, dict[int, Cited]]:
    """Return the request with its files in place, and the passages that its answer may cite.

    Raises:
        NotFound: There is no file of an id that the request names.
        InvalidRequest: A file can't be read.
    """
    if not files_of(request):
        return request, {}
    request = await placed(http, caller, model, request)
    if not any(isinstance(each, DocumentBlock) and each.cite for each in files_of(request)):
        return request, {}
    from consigne.chat import quoting

    found = await quoting.quoted(request, services_of(http).attachments.parts)
    return found.request, found.shown
