"""The query strings of lists: paging, filters, and what may be included."""

from typing import get_args

from starlette.requests import Request

from consigne.api import queries
from consigne.api.openai.responses.schemas import Include
from consigne.api.openai.shared import refuse
from consigne.records.values import MAX_PAGE, Json, Order, Page, Paging

_TRUE, _FALSE = ("true", "1"), ("false", "0", "")


def paging(request: Request, *, order: Order = "desc") -> Paging:
    """Return which part of a list is wanted.

    Raises:
        InvalidField: The limit or the order is none.
    """
    limit = queries.limit(request, 20, MAX_PAGE)
    choices = ("asc", "desc") if order == "asc" else ("desc", "asc")
    wanted = queries.one_of(request, "order", choices)
    return Paging(request.query_params.get("after"), limit, "asc" if wanted == "asc" else "desc")


def whole_number(request: Request, name: str, default: int) -> int:
    """Return a number of the query string.

    Raises:
        InvalidField: It is no whole number.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 19):
        refuse(name, "a whole number is needed", "int_type")
    return int(text)


def flag(request: Request, name: str) -> bool:
    """Return a truth value of the query string; one that is missing is false.

    Raises:
        InvalidField: It is neither true nor false.
    """
    text = request.query_params.get(name, "").lower()
    if text not in (*_TRUE, *_FALSE):
        refuse(name, "'true' or 'false' is needed", "bool_type")
    return text in _TRUE


def check_include(request: Request) -> None:
    """Refuse to include what there is not; what there is comes without being asked for.

    Raises:
        InvalidField: An unknown name.
    """
    query = request.query_params
    for name in (*query.getlist("include"), *query.getlist("include[]")):
        if name not in get_args(Include):
            refuse("include", f"'{name[:100]}' can't be included")


def metadata_filter(request: Request) -> dict[str, str]:
    """Return the metadata that is wanted: ``metadata[name]=value``, any number of times."""
    return {
        key[len("metadata[") : -1]: value
        for key, value in request.query_params.items()
        if key.startswith("metadata[") and key.endswith("]")
    }


def as_list(page: Page) -> Json:
    """Return a page in the dialect's shape."""
    ids = [entry["id"] for entry in page.data]
    ends = {"first_id": ids[0] if ids else "", "last_id": ids[-1] if ids else ""}
    return {"object": "list", "data": list(page.data), "has_more": page.has_more} | ends
