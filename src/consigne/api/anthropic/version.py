"""The header ``anthropic-version``: which of the dialect's two versions a request speaks."""

from typing import Final

from starlette.requests import Request

from consigne.api.errors import InvalidField

EARLIER: Final = "2023-06-01"
LATER: Final = "2026-10-21"
"""Under it sampling can't be set, answers hold no documents and user text no citations."""


def version_of(request: Request) -> str:
    """Return the version; a request that names none speaks the earlier one.

    Raises:
        InvalidField: There is no such version.
    """
    version = request.headers.get("anthropic-version", EARLIER)
    if version not in (EARLIER, LATER):
        raise InvalidField(
            f'"{version[:100]}" is not a valid version; use "{EARLIER}" or "{LATER}"',
            param="anthropic-version",
        )
    return version
