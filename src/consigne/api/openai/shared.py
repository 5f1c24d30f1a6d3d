"""What the endpoints of the OpenAI dialect have in common."""

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, NoReturn, Protocol

import msgspec
from pydantic import Field

from consigne import __version__
from consigne.api.errors import InvalidField
from consigne.api.files import from_data_url
from consigne.api.limits import JsonObject, Wire
from consigne.domain import messages
from consigne.domain.events import TokenLogprob
from consigne.domain.messages import (
    DocumentBlock,
    ImageBlock,
    ImageDetail,
    Json,
    OutputFormat,
    TextBlock,
    Tool,
    ToolChoice,
)
from consigne.domain.models import Model

Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
Detail = Literal["auto", "low", "high", "original"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Verbosity = Literal["low", "medium", "high"]
Metadata = Annotated[dict[str, Annotated[str, Field(max_length=512)]], Field(max_length=16)]

LEAST_LOGPROB = -9999.0
"""What the dialect says of a token that could not have come."""


_VERBOSITY: Final = {
    "low": "Be brief: answer in as few words as the question allows.",
    "high": "Be thorough: explain at length, with details and examples.",
}


class FunctionParam(Wire):
    """A function that the model may call."""

    name: Name
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None


def refuse(param: str, message: str, kind: str = "value_error") -> NoReturn:
    """Refuse a field of the body.

    Raises:
        InvalidField: Always.
    """
    raise InvalidField(message, param=param, kind=kind)


def unique(tools: Iterable[tuple[str, Tool]]) -> tuple[Tool, ...]:
    """Return the tools; each comes with the path of its definition.

    Raises:
        InvalidField: Two have the same name.
    """
    found: dict[str, Tool] = {}
    for path, tool in tools:
        if tool.name in found:
            refuse(path, f"there are two tools named '{tool.name}'")
        found[tool.name] = tool
    return tuple(found.values())


def tool(function: FunctionParam, path: str) -> Tool:
    """Return the tool that a function definition describes.

    Raises:
        InvalidField: Its parameters are not an object.
    """
    schema = function.parameters or {"properties": {}}
    if schema.get("type", "object") != "object":
        refuse(f"{path}.parameters", "schema must be of type 'object'")
    return Tool(
        function.name,
        {"type": "object"} | schema,
        function.description or "",
        function.strict is True,
    )


def choose(
    tools: tuple[Tool, ...],
    mode: str,
    *,
    names: Sequence[str] | None = None,
    parallel: bool = True,
) -> tuple[tuple[Tool, ...], ToolChoice]:
    """Return the tools that may be called, and how.

    Args:
        tools: All tools defined.
        mode: ``none``, ``auto`` or ``required``.
        names: The tools to choose among, where the request narrows them.
        parallel: Whether one answer may hold several calls.

    Raises:
        InvalidField: There is no tool to choose.
    """
    if names is not None:
        known = {tool.name for tool in tools}
        for name in names:
            if name not in known:
                refuse("tool_choice", f"there is no tool '{name[:100]}' in 'tools'")
        tools = tuple(tool for tool in tools if tool.name in names)
    if mode == "required":
        if not tools:
            refuse("tool_choice", "it is only allowed when 'tools' are specified")
        return tools, ToolChoice("any", parallel=parallel)
    return tools, ToolChoice("none" if mode == "none" else "auto", parallel=parallel)


def choose_named(
    tools: tuple[Tool, ...], name: str, *, parallel: bool = True
) -> tuple[tuple[Tool, ...], ToolChoice]:
    """Return the tools and the choice of the one that must be called.

    Raises:
        InvalidField: There is no such tool.
    """
    if name not in {tool.name for tool in tools}:
        refuse("tool_choice", f"there is no tool '{name[:100]}' in 'tools'")
    return tools, ToolChoice("tool", name, parallel)


def thinking(effort: Effort | None, model: Model, param: str) -> bool | None:
    """Return whether the model should think.

    Raises:
        InvalidField: It can't.
    """
    if effort is None or effort == "none":
        return None if effort is None else False
    if not model.capabilities.thinking:
        refuse(param, f"The model {model.id} can't reason; leave it out.", "unsupported")
    return True


def effort(wanted: Effort | None) -> messages.Effort | None:
    """Return how much work the answer is worth."""
    return None if wanted == "none" else wanted


def verbosity(wanted: Verbosity | None) -> tuple[TextBlock, ...]:
    """Return the instruction that has a model write so: few models have a setting for it."""
    said = _VERBOSITY.get(wanted or "medium")
    return (TextBlock(said),) if said else ()


def arguments(encoded: str, param: str) -> Json:
    """Return the arguments of a tool call of an earlier answer.

    An answer that was cut breaks off in the midst of them, and goes back as it came: what is no
    JSON object is shown to the model as the text it is.

    Raises:
        InvalidField: They are no text that can be read.
    """
    try:
        found = msgspec.json.decode(encoded or "{}", type=Json)
        msgspec.json.encode(found)
    except msgspec.MsgspecError:
        return {"arguments": encoded}
    except (RecursionError, OverflowError, UnicodeError):
        refuse(param, "the arguments of a call must be a JSON object, as text")
    return found


def image_detail(detail: Detail | None) -> ImageDetail | None:
    """Return how closely a picture is to be looked at."""
    return None if detail == "auto" else detail


def image(url: str, param: str, detail: Detail | None = None) -> ImageBlock:
    """Return a picture given by an address, perhaps one that holds the picture itself.

    Raises:
        InvalidField: A data URL that can't be read.
    """
    if not url.startswith("data:"):
        return ImageBlock(url=url, detail=image_detail(detail))
    media_type, content = from_data_url(url, param)
    return ImageBlock(media_type=media_type, data=content, detail=image_detail(detail))


def schema_format(schema: Json, description: str | None) -> OutputFormat:
    """Return the form of an answer that must satisfy a schema, with what is said of it."""
    return OutputFormat(
        "json_schema", {"description": description} | schema if description else schema
    )


class FileParam(Protocol):
    """A file in a message, as both endpoints write it."""

    file_data: str | None
    file_id: str | None
    filename: str | None


def document(file: FileParam, url: str | None, path: str) -> DocumentBlock:
    """Return a file given by its content, as a data URL, by an address or as an uploaded one.

    Raises:
        InvalidField: None or several are given, or the data URL can't be read.
    """
    given = [each for each in (file.file_data, file.file_id, url) if each]
    if len(given) != 1:
        refuse(path, "give the file in one way: its content, its id or its address")
    if url and url.startswith("data:"):
        media_type, content = from_data_url(url, f"{path}.file_url")
        return DocumentBlock(media_type=media_type, data=content, title=file.filename)
    if file.file_data:
        media_type, content = from_data_url(file.file_data, f"{path}.file_data")
        return DocumentBlock(media_type=media_type, data=content, title=file.filename)
    return DocumentBlock(url=url or None, title=file.filename, file_id=file.file_id or None)


def logprobs(tokens: Iterable[TokenLogprob]) -> list[dict[str, Any]]:
    """Return the log-probabilities of tokens."""
    return [
        _token(token.token, token.logprob)
        | {"top_logprobs": [_token(other, value) for other, value in token.top]}
        for token in tokens
    ]


def _token(token: bytes, logprob: float) -> dict[str, Any]:
    return {
        "token": token.decode("utf-8", "replace"),
        "bytes": list(token),
        "logprob": max(logprob, LEAST_LOGPROB),
    }


@lru_cache(maxsize=256)
def fingerprint(model_id: str) -> str:
    """Return what stands for the configuration that answers: it changes with this version."""
    digest = hashlib.blake2b(f"{__version__} {model_id}".encode(), digest_size=5)
    return f"fp_{digest.hexdigest()}"


def renamed(message_id: str, prefix: str) -> str:
    """Return an answer's id in the dialect's own manner (``msg_…`` to ``chatcmpl-…``)."""
    return prefix + message_id.rpartition("_")[2]
