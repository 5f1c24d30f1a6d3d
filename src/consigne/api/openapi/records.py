"""What the OpenAI dialect keeps for applications, as its OpenAPI document says it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from consigne.api.openapi.marks import Marked
from consigne.api.openapi.openai import ChatCompletion
from consigne.api.openapi.responses import ResponseUsage

Count = Annotated[int, Field(ge=0)]


class KeptItem(BaseModel):
    """A message, a reasoning, a function call…: fields as its type has them."""

    model_config = ConfigDict(extra="allow")

    type: str
    id: str


class _Page(BaseModel):
    object: Literal["list"]
    first_id: str
    last_id: str
    has_more: bool


class KeptItems(_Page):
    """A page of items; the ids are empty where there are none."""

    data: list[KeptItem]


class ResponseDeleted(BaseModel):
    """A response that is gone."""

    id: str
    object: Literal["response"]
    deleted: Literal[True]


class InputTokens(BaseModel):
    """The tokens of a prompt."""

    object: Literal["response.input_tokens"]
    input_tokens: Count


class CompactionItem(BaseModel):
    """What stands for a conversation: text packed for the client to carry, not encrypted."""

    id: str
    type: Literal["compaction"]
    encrypted_content: str


class Compaction(Marked):
    """A conversation's summary."""

    id: str
    object: Literal["response.compaction"]
    created_at: int
    output: Annotated[list[CompactionItem], Field(min_length=1, max_length=1)]
    usage: ResponseUsage


class ConversationOut(BaseModel):
    """A conversation."""

    id: str
    object: Literal["conversation"]
    created_at: int
    metadata: dict[str, str]


class ConversationDeleted(BaseModel):
    """A conversation that is gone."""

    id: str
    object: Literal["conversation.deleted"]
    deleted: Literal[True]


class KeptCompletion(ChatCompletion):
    """A chat completion that is kept."""

    metadata: dict[str, str]


class KeptCompletions(_Page):
    """A page of chat completions; the ids are empty where there are none."""

    data: list[KeptCompletion]


class KeptMessage(BaseModel):
    """A message that a completion answers."""

    model_config = ConfigDict(extra="allow")

    id: str
    role: str
    content: str | None
    content_parts: list[dict[str, Any]] | None


class KeptMessages(_Page):
    """A page of messages."""

    data: list[KeptMessage]


class CompletionDeleted(BaseModel):
    """A completion that is gone."""

    id: str
    object: Literal["chat.completion.deleted"]
    deleted: Literal[True]
