"""Requests made from the OpenAPI document: such as it allows, and such as it forbids."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

import hypothesis
import schemathesis
from schemathesis import GenerationMode

from fuzz.traffic import Sent

Json = dict[str, Any]


@schemathesis.serializer("application/zip")
def _as_it_is(_: Any, value: Any) -> bytes:
    """Send what stands for an archive as the bytes that it is, or the text that it is not."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def strategies(document: Json) -> Iterator[Any]:
    """Yield a strategy for each operation and each mode."""
    schema = schemathesis.openapi.from_dict(document)
    for path, item in document["paths"].items():
        for method in item:
            operation = schema[path][method.upper()]
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                yield operation.as_strategy(generation_mode=mode)


def send_all(document: Json, count: int, send: Callable[[Sent], None], seed: int) -> None:
    """Make about ``count`` requests, evenly over the operations, and send each."""
    every = list(strategies(document))
    for strategy in every:

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=max(1, count // len(every)),
            deadline=None,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.generate],
        )
        @hypothesis.given(strategy)
        def one(case: Any) -> None:
            send(sent(case))

        one()


def sent(case: Any) -> Sent:
    """Return the request that a case stands for."""
    path = case.path
    for name, value in (case.path_parameters or {}).items():
        path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
    if case.query:
        path += "?" + urlencode({k: _text(v) for k, v in case.query.items()}, doseq=True)
    headers = {
        name: value
        for name, value in (case.headers or {}).items()
        if isinstance(value, str) and name.lower() not in ("authorization", "x-api-key")
    }
    body = b""
    if isinstance(case.body, bytes):
        body = case.body
    elif not isinstance(case.body, schemathesis.core.NotSet):
        body = json.dumps(case.body).encode()
    if case.media_type:
        headers.setdefault("content-type", case.media_type)
    return Sent(case.method, path, headers, body)


def _text(value: Any) -> Any:
    return value if isinstance(value, str | int | float | list) else json.dumps(value)
