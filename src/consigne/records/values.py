"""What is kept, as frozen values."""

from typing import Any, Literal

import msgspec

from consigne.domain.errors import InvalidRequest, NotFound

Json = dict[str, Any]
Order = Literal["asc", "desc"]

RUNNING = ("queued", "in_progress")
"""The states of a response that is still written."""

MAX_PAGE = 100


class Draft(msgspec.Struct, frozen=True):
    """What a response was asked with, beside its body."""

    input: tuple[Json, ...] = ()
    """Its own items, each with an id."""
    previous_id: str | None = None
    conversation_id: str | None = None
    store: bool = True
    background: bool = False


class StoredResponse(msgspec.Struct, frozen=True):
    """A response that is kept."""

    id: str
    body: Json
    status: str
    background: bool
    conversation_id: str | None


class Conversation(msgspec.Struct, frozen=True):
    """A conversation that an application keeps."""

    id: str
    created: int
    """Seconds since 1970."""
    metadata: dict[str, str]


class Paging(msgspec.Struct, frozen=True):
    """Which part of a list is wanted."""

    after: str | None = None
    """The id of the entry that the page comes after."""
    limit: int = 20
    order: Order = "desc"


class Page(msgspec.Struct, frozen=True):
    """A part of a list."""

    data: tuple[Json, ...]
    has_more: bool


def cut(items: "list[Json]", paging: Paging) -> Page:
    """Return the page of a list, which is in ascending order.

    Raises:
        InvalidRequest: ``after`` names no entry of the list.
    """
    ordered = items if paging.order == "asc" else items[::-1]
    start = 0
    if paging.after is not None:
        places = [i for i, item in enumerate(ordered) if item["id"] == paging.after]
        if not places:
            raise no_such_cursor(paging.after)
        start = places[0] + 1
    end = start + paging.limit
    return Page(tuple(ordered[start:end]), len(ordered) > end)


def no_such_cursor(after: str) -> InvalidRequest:
    """Return the error that a page's beginning names nothing."""
    return InvalidRequest(f"There is nothing with the id '{after[:100]}' here.", param="after")


def missing(what: str, wanted: str, param: str = "id") -> NotFound:
    """Return the error that something is not there, or not for this caller."""
    return NotFound(f"{what} with id '{wanted[:100]}' not found.", param=param)
