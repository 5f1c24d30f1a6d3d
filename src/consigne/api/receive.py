"""A file in a request: stored while it arrives, dropped again if the rest is wrong."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from consigne.api import multipart
from consigne.api.auth import services_of
from consigne.business.caller import Caller
from consigne.business.files import Draft


@asynccontextmanager
async def received(request: Request, caller: Caller) -> AsyncIterator[tuple[dict[str, str], Draft]]:
    """Give the form's other fields and the stored file, which the body of ``with`` publishes.

    Raises:
        UnsupportedMediaType: The body is not declared as a form.
        InvalidRequest: It is malformed, or has no field ``file``, or two.
        RequestTooLarge: The file is over the limit of the settings.
    """
    services = services_of(request)
    files, most = services.files, services.settings.files.max_bytes
    drafts: list[Draft] = []

    async def store(part: multipart.FilePart) -> Draft:
        draft = await files.receive(caller, part.filename, part.media_type, part.chunks, most)
        drafts.append(draft)
        return draft

    try:
        yield await multipart.read(request, "file", store)
    except BaseException:
        for draft in drafts:
            await files.discard(draft)
        raise
