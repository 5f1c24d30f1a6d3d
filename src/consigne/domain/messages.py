"""Messages, their content blocks, and the request for one generation.

The model follows the content blocks of the Anthropic Messages API, the richer of the two dialects.
"""

from typing import Any, Literal

import msgspec

Role = Literal["system", "user", "assistant"]
"""``system`` inside ``Request.messages`` is an instruction placed mid-conversation; the leading
instructions of a conversation are ``Request.system``."""

Json = dict[str, Any]

Effort = Literal["minimal", "low", "medium", "high", "xhigh", "max"]


class TextBlock(msgspec.Struct, frozen=True, tag="text"):
    """A run of text."""

    text: str


ImageDetail = Literal["low", "high", "original"]


class ImageBlock(msgspec.Struct, frozen=True, tag="image"):
    """A picture; exactly one of ``data``, ``url`` and ``file_id`` is set."""

    media_type: str | None = None
    data: bytes | None = None
    url: str | None = None
    file_id: str | None = None
    """Of an uploaded file; its content takes its place before a model is asked."""
    detail: ImageDetail | None = None
    """How closely its reader should look, where they can choose; ``None`` leaves it to them."""


class DocumentBlock(msgspec.Struct, frozen=True, tag="document"):
    """A document to read; exactly one of ``data``, ``url``, ``file_id`` and ``blocks`` is set."""

    media_type: str | None = None
    data: bytes | None = None
    url: str | None = None
    title: str | None = None
    file_id: str | None = None
    """Of an uploaded file; its content takes its place before a model is asked."""
    cite: bool = False
    """Whether the answer is to tell the passages that it rests on."""
    blocks: tuple[str, ...] = ()
    """Texts that are cited whole, one by one; only with ``cite``."""
    source: str | None = None
    """Where an application found it; only search results have one."""


class ThinkingBlock(msgspec.Struct, frozen=True, tag="thinking"):
    """What the model wrote to itself before it answered."""

    thinking: str
    signature: str = ""
    redacted: str = ""
    """What only its author can read, in place of the rest; it is given back as it came."""


class ToolUseBlock(msgspec.Struct, frozen=True, tag="tool_use"):
    """A call that the model makes of a tool; ``input`` satisfies the tool's schema."""

    id: str
    name: str
    input: Json


class ToolResultBlock(msgspec.Struct, frozen=True, tag="tool_result"):
    """What a tool answered to the ``ToolUseBlock`` with the same id."""

    tool_use_id: str
    content: tuple[TextBlock | ImageBlock | DocumentBlock, ...] = ()
    is_error: bool = False


ContentBlock = (
    TextBlock | ImageBlock | DocumentBlock | ThinkingBlock | ToolUseBlock | ToolResultBlock
)


class Message(msgspec.Struct, frozen=True):
    """One turn: who speaks, and what."""

    role: Role
    content: tuple[ContentBlock, ...]

    @property
    def text(self) -> str:
        """The text blocks, joined."""
        return "".join(block.text for block in self.content if isinstance(block, TextBlock))


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call; ``input_schema`` is a JSON Schema of type object."""

    name: str
    input_schema: Json
    description: str = ""
    strict: bool = False
    """Whether a schema that can't be enforced is refused; else what can't be is left out."""


class ToolChoice(msgspec.Struct, frozen=True):
    """Whether the model may (auto), must (any, tool) or must not (none) call a tool."""

    kind: Literal["auto", "any", "tool", "none"] = "auto"
    name: str | None = None
    """The tool that must be called; set if and only if ``kind`` is ``tool``."""
    parallel: bool = True
    """Whether one answer may hold several calls."""


class OutputFormat(msgspec.Struct, frozen=True):
    """The shape the answer's text must have."""

    kind: Literal["text", "json_object", "json_schema"] = "text"
    schema: Json | None = None
    """Set if and only if ``kind`` is ``json_schema``."""


class Sampling(msgspec.Struct, frozen=True):
    """How the next token is chosen; ``None`` leaves it to the model's own default."""

    temperature: float | None = None
    """0 is greedy."""
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    repetition_penalty: float | None = None
    logit_bias: tuple[tuple[str, float], ...] = ()
    """What is added to the logits of tokens, named by their numbers in the model's vocabulary."""


class CacheMarks(msgspec.Struct, frozen=True):
    """Up to where a caller wants its prompt kept, for servers that keep what they are told to."""

    ttl: Literal["5m", "1h"] = "5m"
    """For how long; the longest of all marks."""
    tools: frozenset[str] = frozenset()
    """The names of the tools that are marked."""
    system: frozenset[str] = frozenset()
    """The system texts that are."""
    conversation: bool = False
    """Whether any turn is, or all of it: it is kept to its end."""


class Request(msgspec.Struct, frozen=True):
    """One generation asked for, whatever dialect it came in."""

    model: str
    messages: tuple[Message, ...]
    system: tuple[TextBlock, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    output: OutputFormat = OutputFormat()
    sampling: Sampling = Sampling()
    max_tokens: int | None = None
    """Most tokens to generate; ``None`` means whatever room the context leaves. A value beyond
    that room is clamped to it."""
    stop: tuple[str, ...] = ()
    logprobs: int | None = None
    """``None``: not asked for; ``0``: of the chosen tokens; ``n``: also of the n likeliest."""
    thinking: bool | None = None
    """Whether a model that can think should; ``None`` leaves it to the model's default."""
    raw_prompt: str | tuple[int, ...] | None = None
    """A prompt taken as it is, past the chat template, as text or as the model's own tokens;
    ``messages`` is empty then."""
    thinking_tokens: int | None = None
    """Most tokens to think, where the request bounds it."""
    effort: Effort | None = None
    """How much work the answer is worth, where the request says so."""
    user: str | None = None
    """The caller's own opaque name for the person who asks."""
    whole: bool = False
    """Whether the answer is read only once it is whole: its source may bring it in one piece."""
    cache: CacheMarks | None = None
    """What a server is asked to keep; models here keep every prompt."""
    again: bool = False
    """Whether another of the same call's generations has this very prompt: it is counted there."""
    cites: dict[int, Any] | None = None
    """The passages (``events.Cited``) that the caller tells where the answer cites them, by their
    numbers. Whoever shows the model more adds them here, under numbers that are free."""


def files_of(request: Request) -> list[ImageBlock | DocumentBlock]:
    """Return a request's pictures and documents, those in tools' results too."""
    found: list[ImageBlock | DocumentBlock] = []
    for message in request.messages:
        for block in message.content:
            if isinstance(block, ImageBlock | DocumentBlock):
                found.append(block)
            elif isinstance(block, ToolResultBlock):
                found += [each for each in block.content if not isinstance(each, TextBlock)]
    return found


def document_text(text: str, *head: str | None) -> str:
    """Return a document's text as a model reads it: its title and what else is known first."""
    lines = "\n".join(line for line in head if line)
    body = f"{lines}\n\n{text}" if lines else text
    return f"<document>\n{body}\n</document>"
