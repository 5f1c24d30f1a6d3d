"""What each path of the two dialects takes and gives: one line a path, in one place.

Names are ``module:attribute``, imported only when the document is made.
"""

from typing import Any, Literal

import msgspec

DialectName = Literal["anthropic", "openai"]

_ANTHROPIC = "consigne.api.openapi.anthropic"
_OPENAI = "consigne.api.openapi.openai"


class Operation(msgspec.Struct, frozen=True):
    """One path's side in one dialect."""

    dialect: DialectName
    answer: str
    """The model of a JSON answer; empty where it is none."""
    body: str = ""
    """The ``TypeAdapter`` that reads the body; empty where there is none."""
    events: str = ""
    """The model of an event's data, where the answer may be streamed."""
    query: tuple[dict[str, Any], ...] = ()
    """Parameters that the route reads by hand."""


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


_PAGE = (
    _query(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": 1000, "default": 20},
        "Most items on the page.",
    ),
    _query("after_id", {"type": "string"}, "The page after this item."),
    _query("before_id", {"type": "string"}, "The page before this item."),
)

OPERATIONS: dict[tuple[str, str], tuple[Operation, ...]] = {
    ("POST", "/v1/messages"): (
        Operation(
            "anthropic",
            f"{_ANTHROPIC}:AnthropicMessage",
            "consigne.api.anthropic.schemas:messages_body",
            f"{_ANTHROPIC}:MessageStreamEvent",
        ),
    ),
    ("POST", "/v1/messages/count_tokens"): (
        Operation(
            "anthropic",
            f"{_ANTHROPIC}:TokenCount",
            "consigne.api.anthropic.schemas:count_body",
        ),
    ),
    ("POST", "/v1/chat/completions"): (
        Operation(
            "openai",
            f"{_OPENAI}:ChatCompletion",
            "consigne.api.openai.chat.schemas:chat_body",
            f"{_OPENAI}:ChatStreamEvent",
        ),
    ),
    ("POST", "/v1/responses"): (
        Operation(
            "openai",
            f"{_OPENAI}:Response",
            "consigne.api.openai.responses.schemas:responses_body",
            f"{_OPENAI}:ResponseStreamEvent",
        ),
    ),
    ("POST", "/v1/embeddings"): (
        Operation(
            "openai",
            f"{_OPENAI}:EmbeddingList",
            "consigne.api.openai.embeddings:body_adapter",
        ),
    ),
    ("GET", "/v1/models"): (
        Operation("openai", f"{_OPENAI}:OpenAIModels"),
        Operation("anthropic", f"{_ANTHROPIC}:AnthropicModels", query=_PAGE),
    ),
    ("GET", "/v1/models/{model_id}"): (
        Operation("openai", f"{_OPENAI}:OpenAIModel"),
        Operation("anthropic", f"{_ANTHROPIC}:AnthropicModel"),
    ),
}
