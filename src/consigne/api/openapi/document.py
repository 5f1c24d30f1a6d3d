"""Makes the document: bodies from the schemas that read them, answers from models held by tests."""

import importlib
import re
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from consigne import __version__
from consigne.api import text_marks
from consigne.api.openapi import anthropic, openai
from consigne.api.openapi.operations import OPERATIONS, DialectName, Operation

Json = dict[str, Any]

TAGS: dict[DialectName, str] = {"anthropic": "Anthropic dialect", "openai": "OpenAI dialect"}
_REF = "#/components/schemas/{model}"
_ERRORS = {
    "400": "The request is malformed, or asks for what cannot be.",
    "401": "There is no API key, or none that works (any more).",
    "403": "The key may not do this, or not with this model.",
    "404": "There is no such thing.",
    "409": "Its state does not admit this now.",
    "413": "The body is too large, unpacked or not.",
    "415": "The body is of a type or coding that is not read here.",
    "422": "The Idempotency-Key was used for another request.",
    "429": "The key's limit is used up; `retry-after` says until when.",
    "500": "Something went wrong here.",
    "502": "The provider that runs the model failed.",
    "504": "The provider that runs the model did not answer in time.",
}
_OVERLOADED = {"anthropic": "529", "openai": "503"}
_SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"key": []}]
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "description": "A repeated request with the same value gets the first answer.",
}
_DISCLOSURE = {
    "AI-Disclosure": {
        "schema": {"type": "string"},
        "description": "Where the operator's `provenance.text_marks` has `header`: that a machine "
        "wrote the answer, and whose.",
    }
}
_VERSION = {
    "name": "anthropic-version",
    "in": "header",
    "schema": {"type": "string"},
    "description": "`2023-06-01` or `2026-10-21`.",
}


def build(app: FastAPI) -> Json:
    """Return the OpenAPI document of an application.

    Raises:
        ValueError: Two different schemas have the same name.
    """
    document = get_openapi(
        title="Consigne",
        version=__version__,
        description="The Anthropic and the OpenAI API, and the web app's own.",
        routes=app.routes,
    )
    schemas = _Schemas()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if path.startswith("/v1/"):
                item[method] = _dialects(method, path, operation, schemas)
            else:
                _describe_own(operation, schemas)
    components = document.setdefault("components", {})
    own = components.get("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        own.pop(name, None)
    made = schemas.components()
    if clash := own.keys() & made.keys():
        raise ValueError(f"two different schemas are named {', '.join(sorted(clash))}")
    components["schemas"] = own | made
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        "session": {"type": "apiKey", "in": "cookie", "name": "consigne_session"},
    }
    resolved: Json = schemas.resolved(document)
    return resolved


class AppErrorDetail(BaseModel):
    """What went wrong."""

    code: str
    message: str


class AppError(BaseModel):
    """An error of the web app's own API."""

    error: AppErrorDetail


class _Schemas:
    """Collects what the operations refer to, and names it once all is known."""

    def __init__(self) -> None:
        self._wanted: dict[str, tuple[TypeAdapter[Any], JsonSchemaMode]] = {}
        self._made: dict[str, Json] = {}

    def of(self, name: str) -> Json:
        """Return a placeholder for the schema of ``module:attribute``."""
        if name not in self._wanted:
            module, _, attribute = name.partition(":")
            found = getattr(importlib.import_module(module), attribute)
            adapter = found if isinstance(found, TypeAdapter) else TypeAdapter(found)
            self._wanted[name] = (adapter, "validation")
        return {"$consigne": name}

    def components(self) -> Json:
        """Make all schemas together, so that two of one name are told apart."""
        inputs = [(name, mode, adapter) for name, (adapter, mode) in self._wanted.items()]
        made, shared = TypeAdapter.json_schemas(inputs, ref_template=_REF)
        self._made = {name: schema for (name, _), schema in made.items()}
        text = msgspec.json.encode([shared.get("$defs", {}), self._made]).decode()
        text = re.sub(r"consigne__api__(\w+?)__(\w+)", _short, text)
        definitions, self._made = msgspec.json.decode(text)
        found: Json = definitions
        return found

    def resolved(self, value: Any) -> Any:
        """Return ``value`` with schemas for placeholders."""
        match value:
            case {"$consigne": name}:
                return self._made[name]
            case dict():
                return {key: self.resolved(inner) for key, inner in value.items()}
            case list():
                return [self.resolved(inner) for inner in value]
            case _:
                return value


def _short(match: "re.Match[str]") -> str:
    """Return a short name for a model whose own name is not the only one."""
    *rooms, model = f"{match[1]}__{match[2]}".split("__")
    room = next(r for r in reversed(rooms) if r != "schemas")
    return f"{room.capitalize()}{model}"


def _dialects(method: str, path: str, described: Json, schemas: _Schemas) -> Json:
    """Return the operation of a path that one dialect owns, or both."""
    sides = OPERATIONS.get((method.upper(), path), ())
    operation: Json = {
        "operationId": described["operationId"],
        "summary": described["summary"],
        "tags": [TAGS[side.dialect] for side in sides],
        "security": _SECURITY,
        "parameters": described.get("parameters", []) + _parameters(method, sides),
        "responses": _responses(sides, schemas),
    }
    if text_marks.is_written({"method": method.upper(), "path": path}):
        operation["responses"]["200"]["headers"] = _DISCLOSURE
    if "description" in described:
        operation["description"] = described["description"]
    content: Json = {}
    if bodies := [schemas.of(side.body) for side in sides if side.body]:
        content["application/json"] = {"schema": _one_of(bodies)}
    if forms := [schemas.of(side.form) for side in sides if side.form]:
        content["multipart/form-data"] = {"schema": _one_of(forms)}
    if content:
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(method: str, sides: tuple[Operation, ...]) -> list[Json]:
    found = [parameter for side in sides for parameter in side.query]
    if method == "post":
        found.append(_IDEMPOTENCY)
    if any(side.dialect == "anthropic" for side in sides):
        found.append(_VERSION)
    return found


def _responses(sides: tuple[Operation, ...], schemas: _Schemas) -> Json:
    content: Json = {}
    if answers := [schemas.of(side.answer) for side in sides if side.answer]:
        content["application/json"] = {"schema": _one_of(answers)}
    for side in sides:
        if side.events:
            content["text/event-stream"] = {
                "schema": {"type": "string"},
                "x-event-schema": schemas.of(side.events),
            }
        if side.content:
            content[side.content] = {"schema": {"type": "string", "format": "binary"}}
    dialects = sorted({side.dialect for side in sides})
    errors = [schemas.of(_error_model(dialect)) for dialect in dialects]
    told = {"application/json": {"schema": _one_of(errors)}}
    found: Json = {"200": {"description": "The answer.", "content": content}}
    if any(side.content == "*/*" for side in sides):
        found["206"] = {"description": "The range that was asked for.", "content": content}
        found["416"] = {"description": "There is nothing in this range."}
    for status, why in _ERRORS.items():
        found[status] = {"description": why, "content": told}
    for dialect in dialects:
        found[_OVERLOADED[dialect]] = {"description": "There is too much to do.", "content": told}
    return found


def _error_model(dialect: DialectName) -> str:
    model = anthropic.AnthropicError if dialect == "anthropic" else openai.OpenAIError
    return f"{model.__module__}:{model.__name__}"


def _one_of(schemas: list[Json]) -> Json:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _describe_own(operation: Json, schemas: _Schemas) -> None:
    """Put right what the framework supposes of errors, and say how people are known."""
    error = schemas.of(f"{__name__}:AppError")
    told = {"application/json": {"schema": error}}
    operation["responses"].pop("422", None)
    operation["responses"]["4XX"] = {"description": "The request was refused.", "content": told}
    operation["responses"]["5XX"] = {"description": "It went wrong here.", "content": told}
    operation["security"] = [{"session": []}]
