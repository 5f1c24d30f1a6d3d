"""Query parameters of lists, checked alike in both dialects."""

from starlette.requests import Request

from consigne.api.errors import InvalidField


def limit(request: Request, default: int, most: int) -> int:
    """Return the parameter ``limit``.

    Raises:
        InvalidField: It is not a whole number from 1 to ``most``.
    """
    value = request.query_params.get("limit", str(default))
    if not (value.isascii() and value.isdigit() and len(value) <= 6 and 1 <= int(value) <= most):
        raise InvalidField(f"Input should be a whole number from 1 to {most}", param="limit")
    return int(value)


def one_of(request: Request, name: str, choices: tuple[str, ...]) -> str:
    """Return a parameter of which the first of ``choices`` is the default.

    Raises:
        InvalidField: It is none of them.
    """
    value = request.query_params.get(name, choices[0])
    if value not in choices:
        raise InvalidField(f"Input should be one of {', '.join(choices)}", param=name)
    return value


def only(request: Request, *known: str) -> None:
    """Refuse parameters that would be ignored.

    Raises:
        InvalidField: There is one that is not among ``known``.
    """
    for name in request.query_params:
        if name not in known:
            raise InvalidField("This parameter is not known here", param=name[:100])
