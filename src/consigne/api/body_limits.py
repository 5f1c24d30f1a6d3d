"""How large a request's body may be: files and batches have limits of their own."""

import re
from collections.abc import Callable

from starlette.types import Scope

from consigne.business.uploads import PART_BYTES
from consigne.documents.library import MAX_BYTES
from consigne.provenance.pictures import MOST_BYTES
from consigne.settings import Settings

FORM_BYTES = 2**20
"""Room for what a form holds beside its file."""
_PART = re.compile(r"^/v1/uploads/[^/]+/parts$")

BodyLimit = Callable[[Scope], int]
"""Says how many bytes a request's body may have."""


def body_limits(settings: Settings) -> BodyLimit:
    """Return the limits on bodies: files and batches have their own."""

    def limit(scope: Scope) -> int:
        path: str = scope["path"]
        if path == "/v1/files":
            return settings.files.max_bytes + FORM_BYTES
        if path == "/api/documents":
            return MAX_BYTES + FORM_BYTES
        if path == "/api/import":
            return settings.files.max_bytes
        if path in ("/v1/images/edits", "/v1/images/variations", "/api/verify"):
            return 2 * MOST_BYTES + FORM_BYTES
        if path == "/v1/messages/batches":
            return max(settings.batches.max_body_bytes, settings.server.max_body_bytes)
        if _PART.match(path):
            return PART_BYTES + FORM_BYTES
        return settings.server.max_body_bytes

    return limit
