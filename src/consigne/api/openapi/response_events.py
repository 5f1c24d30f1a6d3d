"""The events of a streamed response, as the OpenAPI document says them and tests hold them."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, RootModel

from consigne.api.openapi.openai import ChosenLogprob
from consigne.api.openapi.responses import (
    AnswerNote,
    Count,
    OutputItem,
    OutputTextPart,
    ReasoningTextPart,
    Response,
    SummaryTextPart,
)


class _Event(BaseModel):
    sequence_number: Count


class LifecycleEvent(_Event):
    """The response as it is now."""

    type: Literal[
        "response.created",
        "response.queued",
        "response.in_progress",
        "response.completed",
        "response.incomplete",
        "response.failed",
    ]
    response: Response


class ItemEvent(_Event):
    """An item begins, or is whole."""

    type: Literal["response.output_item.added", "response.output_item.done"]
    output_index: Count
    item: OutputItem


class _OfItem(_Event):
    item_id: str
    output_index: Count


class ContentPartEvent(_OfItem):
    """A part of an item begins, or is whole."""

    type: Literal["response.content_part.added", "response.content_part.done"]
    content_index: Count
    part: Annotated[OutputTextPart | ReasoningTextPart, Field(discriminator="type")]


class SummaryPartEvent(_OfItem):
    """A part of a summary begins, or is whole."""

    type: Literal["response.reasoning_summary_part.added", "response.reasoning_summary_part.done"]
    summary_index: Count
    part: SummaryTextPart


class _Delta(_OfItem):
    delta: str
    obfuscation: str | None = Field(None, description="Noise that hides the length of the delta.")


class TextDeltaEvent(_Delta):
    """More text."""

    type: Literal["response.output_text.delta"]
    content_index: Count
    logprobs: list[ChosenLogprob]


class TextDoneEvent(_OfItem):
    """The text is whole."""

    type: Literal["response.output_text.done"]
    content_index: Count
    text: str
    logprobs: list[ChosenLogprob]


class AnnotationEvent(_OfItem):
    """The text rests on a file."""

    type: Literal["response.output_text.annotation.added"]
    content_index: Count
    annotation_index: Count
    annotation: AnswerNote


class ReasoningDeltaEvent(_Delta):
    """More reasoning."""

    type: Literal["response.reasoning_text.delta"]
    content_index: Count


class ReasoningDoneEvent(_OfItem):
    """The reasoning is whole."""

    type: Literal["response.reasoning_text.done"]
    content_index: Count
    text: str


class SummaryDeltaEvent(_Delta):
    """More reasoning, where it is told as a summary."""

    type: Literal["response.reasoning_summary_text.delta"]
    summary_index: Count


class SummaryDoneEvent(_OfItem):
    """The summary is whole."""

    type: Literal["response.reasoning_summary_text.done"]
    summary_index: Count
    text: str


class ArgumentsDeltaEvent(_Delta):
    """More of a call's arguments, as JSON text."""

    type: Literal["response.function_call_arguments.delta"]


class ArgumentsDoneEvent(_OfItem):
    """A call's arguments are whole."""

    type: Literal["response.function_call_arguments.done"]
    arguments: str


class CustomInputDeltaEvent(_Delta):
    """More of a custom tool's input."""

    type: Literal["response.custom_tool_call_input.delta"]


class CustomInputDoneEvent(_OfItem):
    """A custom tool's input is whole."""

    type: Literal["response.custom_tool_call_input.done"]
    input: str


class ImageCallEvent(_OfItem):
    """How far a picture is."""

    type: Literal[
        "response.image_generation_call.in_progress",
        "response.image_generation_call.generating",
        "response.image_generation_call.completed",
    ]


class SearchCallEvent(_OfItem):
    """How far a search of the web is."""

    type: Literal[
        "response.web_search_call.in_progress",
        "response.web_search_call.searching",
        "response.web_search_call.completed",
    ]


class McpListEvent(_OfItem):
    """How far the listing of a server's tools is."""

    type: Literal["response.mcp_list_tools.in_progress", "response.mcp_list_tools.completed"]


class McpCallEvent(_OfItem):
    """How far a call of a server's tool is."""

    type: Literal[
        "response.mcp_call.in_progress",
        "response.mcp_call.completed",
        "response.mcp_call.failed",
    ]


class McpArgumentsDeltaEvent(_Delta):
    """The arguments of a call of a server's tool."""

    type: Literal["response.mcp_call_arguments.delta"]
    delta: str


class McpArgumentsDoneEvent(_OfItem):
    """They are whole."""

    type: Literal["response.mcp_call_arguments.done"]
    arguments: str


class PartialImageEvent(_OfItem):
    """An unfinished state of a picture."""

    type: Literal["response.image_generation_call.partial_image"]
    partial_image_index: Count
    partial_image_b64: str
    output_format: Literal["png"]
    background: Literal["opaque"]


class StreamErrorEvent(_Event):
    """The stream ends here, by an error."""

    type: Literal["error"]
    code: str | None
    message: str
    param: str | None


class ResponseStreamEvent(
    RootModel[
        Annotated[
            LifecycleEvent
            | ItemEvent
            | ContentPartEvent
            | SummaryPartEvent
            | TextDeltaEvent
            | TextDoneEvent
            | AnnotationEvent
            | ReasoningDeltaEvent
            | ReasoningDoneEvent
            | SummaryDeltaEvent
            | SummaryDoneEvent
            | ArgumentsDeltaEvent
            | ArgumentsDoneEvent
            | CustomInputDeltaEvent
            | CustomInputDoneEvent
            | ImageCallEvent
            | PartialImageEvent
            | SearchCallEvent
            | McpListEvent
            | McpCallEvent
            | McpArgumentsDeltaEvent
            | McpArgumentsDoneEvent
            | StreamErrorEvent,
            Field(discriminator="type"),
        ]
    ]
):
    """One event of a streamed response; ``event:`` names its type too."""
