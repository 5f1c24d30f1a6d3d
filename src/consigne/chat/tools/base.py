"""A tool of the chat: what the model is told of it, what its reader sees, and what it does.

To add one, make a ``ChatTool`` (or a ``ToolSource``, where they differ from person to person) and
name it in ``opening.open_toolbox``; nothing else knows the tools there are.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from consigne.business.caller import Caller
from consigne.domain.messages import ImageBlock, Json, TextBlock, Tool

Args = TypeVar("Args", bound=msgspec.Struct)

DEFAULT_TIMEOUT_S = 30.0


class ToolFailed(Exception):
    """A tool could not do what it was asked; the model and the reader are told why."""

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        """What hindered it, for programs; see ``outside_jobs.JobFailed``."""


class Words(msgspec.Struct, frozen=True):
    """What the page says, in its languages."""

    en: str
    fr: str


class Outcome(msgspec.Struct, frozen=True):
    """What a tool answers."""

    content: tuple[TextBlock | ImageBlock, ...]
    is_error: bool = False


def said(text: str) -> Outcome:
    """Return an outcome of text alone."""
    return Outcome((TextBlock(text),))


def refused(text: str) -> Outcome:
    """Return an outcome that says what went wrong, and what the model may do about it."""
    return Outcome((TextBlock(text),), is_error=True)


class Growing(msgspec.Struct, frozen=True):
    """A picture that comes to be, as far as it can be shown."""

    width: int
    """Of the whole picture, in pixels."""
    height: int
    url: str = ""
    """A ``data:`` address of its present state, small; empty while there is nothing to see."""


class Call(Protocol):
    """One call of a tool, as the tool sees it."""

    id: str
    input: Json
    """What the model gave; ``args_of`` reads it."""
    person: Caller
    """On whose behalf; what a tool reads and writes is theirs."""
    conversation_id: str
    message_id: str
    """The answer that is being written."""

    def cite(self, title: str, url: str, passage: str = "") -> int:
        """Return the number under which the answer cites a source; the same address, the same."""
        ...

    def progress(self, done: int, total: int, growing: Growing | None = None) -> None:
        """Tell the reader how far the work has come, in steps of its own."""
        ...

    async def ask_page(self, *, timeout_s: float) -> Any:
        """Let the reader's page do the work; return what it answers, as JSON values.

        The page knows what to do by the tool's name and input. The wait outlives the page: one
        that is opened later finds the call waiting.

        Raises:
            ToolFailed: No page answered in time.
        """
        ...


Run = Callable[[Call], Awaitable[Outcome]]


class ChatTool(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a model may do in a conversation."""

    name: str
    """What the model calls it: letters, digits, ``_`` and ``-``, 64 at most."""
    title: Words
    """What people call it."""
    description: str
    """What the model is told: when to use it, and what it answers."""
    input_schema: Json
    """A JSON Schema of type object; see ``schema_of``."""
    run: Run
    """Does it. Computing on behalf of a model happens in another process: see ``outside``."""
    read_only: bool = False
    """Whether it changes nothing: such a tool asks nobody, and may run again after a crash."""
    asks: bool = True
    """Whether one that is not ``read_only`` waits until the reader allows it."""
    timeout_s: float = DEFAULT_TIMEOUT_S
    """After so many seconds it is given up, its wait for the reader's page not counted."""
    group: str = ""
    """Where it comes from, if not from Consigne: a server's name."""
    on: bool = True
    """Whether it is offered to those who have not switched it."""
    research: bool = False
    """Whether it is offered to research alone, and cannot be switched."""

    @property
    def needs_approval(self) -> bool:
        """Whether the reader is asked before it runs."""
        return self.asks and not self.read_only

    def as_tool(self) -> Tool:
        """Return the tool as models are offered it."""
        return Tool(self.name, self.input_schema, self.description)


class ToolSource(Protocol):
    """Brings tools that differ from person to person or from time to time."""

    async def tools(self, person: Caller) -> Sequence[ChatTool]:
        """Return the tools that this person may use now."""
        ...


def schema_of(args: type[msgspec.Struct]) -> Json:
    """Return the JSON Schema of a flat struct: what ``args_of`` accepts."""
    _, components = msgspec.json.schema_components([args], ref_template="#/$defs/{name}")
    schema: Json = components[args.__name__]
    return {key: value for key, value in schema.items() if key not in ("title", "description")}


def args_of(call: Call, args: type[Args]) -> Args:
    """Return a call's input as a struct.

    Raises:
        ToolFailed: It does not satisfy the schema; the message says where.
    """
    try:
        return msgspec.convert(call.input, args)
    except msgspec.ValidationError as error:
        raise ToolFailed(f"The input does not fit the tool's schema: {error}.") from None


__all__ = [
    "DEFAULT_TIMEOUT_S",
    "Call",
    "ChatTool",
    "Outcome",
    "Run",
    "ToolFailed",
    "ToolSource",
    "Words",
    "args_of",
    "refused",
    "said",
    "schema_of",
]
