"""Holds answers to what the OpenAPI document says of them, to the last field."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
from fastapi import FastAPI
from jsonschema import Draft202012Validator

Json = dict[str, Any]


class Contract:
    """The document of an application."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self._closed: Json = _closed(document["components"])
        self._validators: dict[str, Draft202012Validator] = {}

    @classmethod
    def of(cls, app: FastAPI) -> "Contract":
        """Return an application's."""
        from consigne.api.openapi.document import build

        return cls(json.loads(json.dumps(build(app))))

    def check(self, method: str, path: str, answer: httpx.Response) -> None:
        """Assert that an answer is what the document says.

        Raises:
            AssertionError: It is not.
        """
        responses = self.document["paths"][path][method.lower()]["responses"]
        status = str(answer.status_code)
        described = responses.get(status) or responses.get(f"{status[0]}XX")
        assert described, f"{method} {path}: {status} is not described: {answer.text[:300]}"
        kind = answer.headers["content-type"].partition(";")[0]
        content = described["content"][kind]
        if kind == "application/json":
            self._validate(content["schema"], answer.json())
            return
        for event in events(answer.text):
            self._validate(content["x-event-schema"], event)

    def body_is_valid(self, path: str, body: Any) -> bool:
        """Say whether the document allows a body for a POST."""
        operation = self.document["paths"][path]["post"]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        whole = {"components": self.document["components"], **schema}
        return bool(Draft202012Validator(whole).is_valid(body))

    def _validate(self, schema: Json, value: Any) -> None:
        errors = [
            f"{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}"
            for error in self._validator(schema).iter_errors(value)
        ]
        assert not errors, (errors, value)

    def _validator(self, schema: Json) -> Draft202012Validator:
        key = json.dumps(schema)
        if key not in self._validators:
            whole = {"components": self._closed, **_closed(schema)}
            self._validators[key] = Draft202012Validator(whole)
        return self._validators[key]


def _closed(schema: Any) -> Any:
    """Return the schema with objects that hold nothing but what it describes."""
    match schema:
        case {"properties": dict(), "type": "object"}:
            inner = {key: _closed(value) for key, value in schema.items()}
            return {"additionalProperties": False} | inner
        case dict():
            return {key: _closed(value) for key, value in schema.items()}
        case list():
            return [_closed(each) for each in schema]
        case _:
            return schema


def events(text: str) -> Iterator[Any]:
    """Yield the data of a stream's events, without the text that ends it."""
    for line in text.splitlines():
        data = line.removeprefix("data: ")
        if data != line and data != "[DONE]":
            yield json.loads(data)
