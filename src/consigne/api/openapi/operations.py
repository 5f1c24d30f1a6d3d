"""What each path of the two dialects takes and gives: one line a path, in one place.

Names are ``module:attribute``, imported only when the document is made.
"""

from typing import Any, Literal

import msgspec

DialectName = Literal["anthropic", "openai"]

_ANTHROPIC = "consigne.api.openapi.anthropic"
_OPENAI = "consigne.api.openapi.openai"
_ANSWERED = "consigne.api.openapi.responses"
_EVENTS = "consigne.api.openapi.response_events"
_STORED = "consigne.api.openapi.stored"
_RECORDS = "consigne.api.openapi.records"
_IMAGES = "consigne.api.openapi.images"
_RESPONSES = "consigne.api.openai.responses.schemas"
_CONVERSATIONS = "consigne.api.openai.conversations.schemas"


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
    form: str = ""
    """The model of a form with a file, where the body is one."""
    content: str = ""
    """The media type of an answer that is a file's content; ``*/*`` is the file's own."""


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

_LIFECYCLE = _query(
    "lifecycle[]",
    {"type": "array", "items": {"type": "string"}},
    "Only models in one of these states; here all are `active`.",
)
_OPENAI_FILE_PAGE = (
    _query(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 10_000},
        "Most files on the page.",
    ),
    _query("order", {"type": "string", "enum": ["desc", "asc"]}, "By age; the newest first."),
    _query("after", {"type": "string"}, "The page after this file."),
    _query("purpose", {"type": "string"}, "Only files with this purpose."),
)
_OPENAI_BATCH_PAGE = (
    _query(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
        "Most batches on the page.",
    ),
    _query("after", {"type": "string"}, "The page after this batch."),
)
_INCLUDE = _query(
    "include[]",
    {"type": "array", "items": {"type": "string"}},
    "Taken for what the reference names; what there is comes without being asked for.",
)
_ENTRY_PAGE = (
    _query(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
        "Most entries on the page.",
    ),
    _query("order", {"type": "string", "enum": ["desc", "asc"]}, "By age."),
    _query("after", {"type": "string"}, "The page after this entry."),
)
_COMPLETION_PAGE = (
    *_ENTRY_PAGE,
    _query("model", {"type": "string"}, "Only answers of this model."),
    {
        "name": "metadata",
        "in": "query",
        "style": "deepObject",
        "explode": True,
        "schema": {"type": "object", "additionalProperties": {"type": "string"}},
        "description": "Only answers that have this metadata: `metadata[name]=value`.",
    },
)
_RESPONSE_QUERY = (
    _query("stream", {"type": "boolean"}, "As a stream of its events."),
    _query("starting_after", {"type": "integer"}, "With `stream`: the events after this one."),
    _query("include_obfuscation", {"type": "boolean"}, "With `stream`: deltas filled up."),
    _INCLUDE,
)
_ANTHROPIC_FILE_PAGE = (
    _query("page", {"type": "string"}, "The page that `next_page` named."),
    _query("after_id", {"type": "string"}, "The page after this file."),
    _query("before_id", {"type": "string"}, "The page before this file."),
    _query(
        "ids[]",
        {"type": "array", "items": {"type": "string"}, "maxItems": 100},
        "Only these files; not with `page` or `limit`.",
    ),
    _query("scope_id", {"type": "string"}, "Only files of a scope; here there are none."),
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
            f"{_ANSWERED}:Response",
            "consigne.api.openai.responses.schemas:responses_body",
            f"{_EVENTS}:ResponseStreamEvent",
        ),
    ),
    ("POST", "/v1/responses/input_tokens"): (
        Operation("openai", f"{_RECORDS}:InputTokens", f"{_RESPONSES}:input_tokens_body"),
    ),
    ("POST", "/v1/responses/compact"): (
        Operation("openai", f"{_RECORDS}:Compaction", f"{_RESPONSES}:compact_body"),
    ),
    ("GET", "/v1/responses/{response_id}"): (
        Operation(
            "openai",
            f"{_ANSWERED}:Response",
            events=f"{_EVENTS}:ResponseStreamEvent",
            query=_RESPONSE_QUERY,
        ),
    ),
    ("DELETE", "/v1/responses/{response_id}"): (
        Operation("openai", f"{_RECORDS}:ResponseDeleted"),
    ),
    ("POST", "/v1/responses/{response_id}/cancel"): (Operation("openai", f"{_ANSWERED}:Response"),),
    ("GET", "/v1/responses/{response_id}/input_items"): (
        Operation("openai", f"{_RECORDS}:KeptItems", query=(*_ENTRY_PAGE, _INCLUDE)),
    ),
    ("POST", "/v1/conversations"): (
        Operation("openai", f"{_RECORDS}:ConversationOut", f"{_CONVERSATIONS}:create_body"),
    ),
    ("GET", "/v1/conversations/{conversation_id}"): (
        Operation("openai", f"{_RECORDS}:ConversationOut"),
    ),
    ("POST", "/v1/conversations/{conversation_id}"): (
        Operation("openai", f"{_RECORDS}:ConversationOut", f"{_CONVERSATIONS}:update_body"),
    ),
    ("DELETE", "/v1/conversations/{conversation_id}"): (
        Operation("openai", f"{_RECORDS}:ConversationDeleted"),
    ),
    ("POST", "/v1/conversations/{conversation_id}/items"): (
        Operation(
            "openai",
            f"{_RECORDS}:KeptItems",
            f"{_CONVERSATIONS}:items_body",
            query=(_INCLUDE,),
        ),
    ),
    ("GET", "/v1/conversations/{conversation_id}/items"): (
        Operation("openai", f"{_RECORDS}:KeptItems", query=(*_ENTRY_PAGE, _INCLUDE)),
    ),
    ("GET", "/v1/conversations/{conversation_id}/items/{item_id}"): (
        Operation("openai", f"{_RECORDS}:KeptItem", query=(_INCLUDE,)),
    ),
    ("DELETE", "/v1/conversations/{conversation_id}/items/{item_id}"): (
        Operation("openai", f"{_RECORDS}:ConversationOut"),
    ),
    ("GET", "/v1/chat/completions"): (
        Operation("openai", f"{_RECORDS}:KeptCompletions", query=_COMPLETION_PAGE),
    ),
    ("GET", "/v1/chat/completions/{completion_id}"): (
        Operation("openai", f"{_RECORDS}:KeptCompletion"),
    ),
    ("POST", "/v1/chat/completions/{completion_id}"): (
        Operation("openai", f"{_RECORDS}:KeptCompletion", f"{_CONVERSATIONS}:update_body"),
    ),
    ("DELETE", "/v1/chat/completions/{completion_id}"): (
        Operation("openai", f"{_RECORDS}:CompletionDeleted"),
    ),
    ("GET", "/v1/chat/completions/{completion_id}/messages"): (
        Operation("openai", f"{_RECORDS}:KeptMessages", query=_ENTRY_PAGE),
    ),
    ("POST", "/v1/completions"): (
        Operation(
            "openai",
            f"{_OPENAI}:TextCompletion",
            "consigne.api.openai.completions.schemas:completion_body",
            f"{_OPENAI}:CompletionStreamEvent",
        ),
    ),
    ("POST", "/v1/moderations"): (
        Operation(
            "openai", f"{_OPENAI}:Moderation", "consigne.api.openai.moderations:body_adapter"
        ),
    ),
    ("POST", "/v1/embeddings"): (
        Operation(
            "openai",
            f"{_OPENAI}:EmbeddingList",
            "consigne.api.openai.embeddings:body_adapter",
        ),
    ),
    ("POST", "/v1/images/generations"): (
        Operation(
            "openai",
            f"{_IMAGES}:Pictures",
            "consigne.api.openai.images.schemas:generation_adapter",
            f"{_IMAGES}:ImageStreamEvent",
        ),
    ),
    ("POST", "/v1/images/edits"): (
        Operation(
            "openai",
            f"{_IMAGES}:Pictures",
            events=f"{_IMAGES}:ImageStreamEvent",
            form=f"{_IMAGES}:ImageEditForm",
        ),
    ),
    ("POST", "/v1/images/variations"): (
        Operation("openai", f"{_IMAGES}:Pictures", form=f"{_IMAGES}:ImageVariationForm"),
    ),
    ("GET", "/v1/models"): (
        Operation("openai", f"{_OPENAI}:OpenAIModels"),
        Operation("anthropic", f"{_ANTHROPIC}:AnthropicModels", query=(*_PAGE, _LIFECYCLE)),
    ),
    ("GET", "/v1/models/{model_id}"): (
        Operation("openai", f"{_OPENAI}:OpenAIModel"),
        Operation("anthropic", f"{_ANTHROPIC}:AnthropicModel"),
    ),
    ("POST", "/v1/files"): (
        Operation("openai", f"{_STORED}:OpenAIFile", form=f"{_STORED}:OpenAIFileForm"),
        Operation("anthropic", f"{_STORED}:AnthropicFile", form=f"{_STORED}:AnthropicFileForm"),
    ),
    ("GET", "/v1/files"): (
        Operation("openai", f"{_STORED}:OpenAIFiles", query=_OPENAI_FILE_PAGE),
        Operation("anthropic", f"{_STORED}:AnthropicFiles", query=_ANTHROPIC_FILE_PAGE),
    ),
    ("GET", "/v1/files/{file_id}"): (
        Operation("openai", f"{_STORED}:OpenAIFile"),
        Operation("anthropic", f"{_STORED}:AnthropicFile"),
    ),
    ("DELETE", "/v1/files/{file_id}"): (
        Operation("openai", f"{_STORED}:OpenAIFileDeleted"),
        Operation("anthropic", f"{_STORED}:AnthropicFileDeleted"),
    ),
    ("GET", "/v1/files/{file_id}/content"): (
        Operation("openai", "", content="*/*"),
        Operation("anthropic", "", content="*/*"),
    ),
    ("POST", "/v1/uploads"): (
        Operation("openai", f"{_STORED}:Upload", body="consigne.api.openai.uploads:create_body"),
    ),
    ("POST", "/v1/uploads/{upload_id}/parts"): (
        Operation("openai", f"{_STORED}:UploadPart", form=f"{_STORED}:UploadPartForm"),
    ),
    ("POST", "/v1/uploads/{upload_id}/complete"): (
        Operation("openai", f"{_STORED}:Upload", body="consigne.api.openai.uploads:complete_body"),
    ),
    ("POST", "/v1/uploads/{upload_id}/cancel"): (Operation("openai", f"{_STORED}:Upload"),),
    ("POST", "/v1/batches"): (
        Operation(
            "openai", f"{_STORED}:OpenAIBatch", body="consigne.api.openai.batches:batch_body"
        ),
    ),
    ("GET", "/v1/batches"): (
        Operation("openai", f"{_STORED}:OpenAIBatches", query=_OPENAI_BATCH_PAGE),
    ),
    ("GET", "/v1/batches/{batch_id}"): (Operation("openai", f"{_STORED}:OpenAIBatch"),),
    ("POST", "/v1/batches/{batch_id}/cancel"): (Operation("openai", f"{_STORED}:OpenAIBatch"),),
    ("POST", "/v1/messages/batches"): (
        Operation("anthropic", f"{_STORED}:MessageBatch", body=f"{_STORED}:message_batch_body"),
    ),
    ("GET", "/v1/messages/batches"): (
        Operation("anthropic", f"{_STORED}:MessageBatches", query=_PAGE),
    ),
    ("GET", "/v1/messages/batches/{batch_id}"): (
        Operation("anthropic", f"{_STORED}:MessageBatch"),
    ),
    ("DELETE", "/v1/messages/batches/{batch_id}"): (
        Operation("anthropic", f"{_STORED}:MessageBatchDeleted"),
    ),
    ("POST", "/v1/messages/batches/{batch_id}/cancel"): (
        Operation("anthropic", f"{_STORED}:MessageBatch"),
    ),
    ("GET", "/v1/messages/batches/{batch_id}/results"): (
        Operation("anthropic", "", content="application/x-jsonl"),
    ),
}
