"""The vendors' SDKs, type by type: what they may send is read here, what they expect is told.

Both sides are JSON schemas: the SDKs' own types, and the OpenAPI document, to which other tests
hold the server. What differs is listed with its reason in ``sdk_differences.toml``; a field that a
new SDK brings is on no list and fails here, and so does a line that nothing needs any more.
"""

import re
import tomllib
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import anthropic.types as claude
import msgspec
import openai.types as gpt
import pytest
from anthropic.types import beta, messages, model_list_params
from anthropic.types import message_create_params as message_params
from anthropic.types.beta import file_list_params as claude_files
from anthropic.types.beta import message_count_tokens_params as beta_count
from anthropic.types.beta import message_create_params as beta_message
from anthropic.types.messages import batch_list_params as claude_batches
from openai.types import (
    batch_create_params,
    chat,
    completion_create_params,
    conversations,
    embedding_create_params,
    image_generate_params,
    moderation_create_params,
    responses,
    upload_create_params,
    uploads,
)
from openai.types import batch_list_params as gpt_batches
from openai.types import file_list_params as gpt_files
from openai.types.chat import completion_create_params as chat_params
from openai.types.chat import completion_list_params
from openai.types.chat.completions import message_list_params
from openai.types.conversations import conversation_create_params, item_list_params
from openai.types.responses import (
    input_item_list_params,
    input_token_count_params,
    response_compact_params,
    response_create_params,
    response_retrieve_params,
)
from pydantic import TypeAdapter

from consigne.api.app import create_app
from consigne.api.openapi.operations import OPERATIONS
from doubles.scripted import ScriptedGateway, scripted_services
from support.contract import Contract
from support.sdk_types import Side, lacks, optional

Json = dict[str, Any]
KNOWN = Path(__file__).with_name("sdk_differences.toml")
SENT: list[tuple[str, Any]] = [
    ("/v1/messages", message_params.MessageCreateParamsNonStreaming),
    ("/v1/messages", beta_message.MessageCreateParamsNonStreaming),
    ("/v1/messages/count_tokens", beta_count.MessageCountTokensParams),
    ("/v1/chat/completions", chat_params.CompletionCreateParamsNonStreaming),
    ("/v1/completions", completion_create_params.CompletionCreateParamsNonStreaming),
    ("/v1/responses", response_create_params.ResponseCreateParamsNonStreaming),
    ("/v1/responses/compact", response_compact_params.ResponseCompactParams),
    ("/v1/responses/input_tokens", input_token_count_params.InputTokenCountParams),
    ("/v1/conversations", conversation_create_params.ConversationCreateParams),
    ("/v1/embeddings", embedding_create_params.EmbeddingCreateParams),
    ("/v1/moderations", moderation_create_params.ModerationCreateParams),
    ("/v1/batches", batch_create_params.BatchCreateParams),
    ("/v1/uploads", upload_create_params.UploadCreateParams),
    ("/v1/images/generations", image_generate_params.ImageGenerateParamsNonStreaming),
]
TOLD: list[tuple[str, Any]] = [
    ("POST /v1/messages", claude.Message),
    ("POST /v1/messages stream", claude.RawMessageStreamEvent),
    ("POST /v1/messages/count_tokens", beta.BetaMessageTokensCount),
    ("GET /v1/models/{model_id} anthropic", claude.ModelInfo),
    ("GET /v1/files/{file_id} anthropic", beta.BetaFileMetadata),
    ("DELETE /v1/files/{file_id} anthropic", claude.DeletedFile),
    ("GET /v1/messages/batches/{batch_id}", messages.MessageBatch),
    ("DELETE /v1/messages/batches/{batch_id}", messages.DeletedMessageBatch),
    ("POST /v1/chat/completions", chat.ChatCompletion),
    ("POST /v1/chat/completions stream", chat.ChatCompletionChunk),
    ("DELETE /v1/chat/completions/{completion_id}", chat.ChatCompletionDeleted),
    ("POST /v1/completions", gpt.Completion),
    ("POST /v1/responses", responses.Response),
    ("POST /v1/responses stream", responses.ResponseStreamEvent),
    ("POST /v1/responses/compact", responses.CompactedResponse),
    ("POST /v1/conversations", conversations.Conversation),
    ("GET /v1/conversations/{conversation_id}/items", conversations.ConversationItemList),
    ("DELETE /v1/conversations/{conversation_id}", conversations.ConversationDeletedResource),
    ("POST /v1/embeddings", gpt.CreateEmbeddingResponse),
    ("GET /v1/models/{model_id} openai", gpt.Model),
    ("GET /v1/files/{file_id} openai", gpt.FileObject),
    ("DELETE /v1/files/{file_id} openai", gpt.FileDeleted),
    ("POST /v1/uploads", gpt.Upload),
    ("POST /v1/uploads/{upload_id}/parts", uploads.UploadPart),
    ("GET /v1/batches/{batch_id}", gpt.Batch),
    ("POST /v1/images/generations", gpt.ImagesResponse),
]
QUERIES: list[tuple[str, Any]] = [
    ("/v1/models", model_list_params.ModelListParams),
    ("/v1/files", claude_files.FileListParams),
    ("/v1/files", gpt_files.FileListParams),
    ("/v1/messages/batches", claude_batches.BatchListParams),
    ("/v1/batches", gpt_batches.BatchListParams),
    ("/v1/chat/completions", completion_list_params.CompletionListParams),
    ("/v1/chat/completions/{completion_id}/messages", message_list_params.MessageListParams),
    ("/v1/responses/{response_id}", response_retrieve_params.ResponseRetrieveParamsBase),
    ("/v1/responses/{response_id}/input_items", input_item_list_params.InputItemListParams),
    ("/v1/conversations/{conversation_id}/items", item_list_params.ItemListParams),
]
HEADERS = {"betas", "workspace_id"}
VALUE = re.compile(r": \w+$|=[\w.-]+$")
REPEATED = re.compile(r"\.(response<response>|message<message>)|_item\.(added|done)>\.item<")


@pytest.fixture(scope="module")
def document() -> Json:
    return Contract.of(create_app(scripted_services(ScriptedGateway()))).document


def answer(document: Json, operation: str) -> Json:
    """Return the schema of an operation's answer, or of the events of its stream."""
    method, path, *how = operation.split()
    content = document["paths"][path][method.lower()]["responses"]["200"]["content"]
    if "stream" in how:
        found: Json = content["text/event-stream"]["x-event-schema"]
        return found
    found = content["application/json"]["schema"]
    dialects = [side.dialect for side in OPERATIONS[method, path] if side.answer]
    return found["anyOf"][dialects.index(how[0])] if how else found  # type: ignore[arg-type]


@cache
def declared(type_: Any) -> Json:
    """Return the schema of one of the SDKs' types; that its models allow for more says nothing."""
    text = msgspec.json.encode(TypeAdapter(type_).json_schema(mode="serialization")).decode()
    found: Json = msgspec.json.decode(text.replace('"additionalProperties":true,', ""))
    return found


def sent(document: Json) -> set[str]:
    """Return what the SDKs may send and the document does not describe."""
    found = set()
    for path, type_ in SENT:
        schema = declared(type_)
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        places = lacks(Side(schema), schema, Side(document), body["schema"])
        found |= {f"{path} {place}" for place in places}
    return found


def untold(document: Json) -> set[str]:
    """Return fields and kinds that the SDKs know of answers and that are never told here."""
    found = set()
    for operation, type_ in TOLD:
        schema = declared(type_)
        places = lacks(Side(schema), schema, Side(document), answer(document, operation))
        found |= {f"{operation} {place}" for place in places if _is_field_or_kind(place)}
    return found


def _is_field_or_kind(place: str) -> bool:
    """Say whether it is no mere value, and is told once: streams repeat what answers hold."""
    return not VALUE.search(place) and not REPEATED.search(place)


def strange(document: Json) -> set[str]:
    """Return what is told here and the SDKs do not know."""
    found = set()
    for operation, type_ in TOLD:
        schema = declared(type_)
        places = lacks(Side(document), answer(document, operation), Side(schema), schema)
        found |= {f"{operation} {place}" for place in places if not REPEATED.search(place)}
    return found


def missing(document: Json) -> set[str]:
    """Return what the SDKs count on in every answer and the document lets be absent."""
    found = set()
    for operation, type_ in TOLD:
        schema = declared(type_)
        places = optional(Side(schema), schema, Side(document), answer(document, operation))
        found |= {f"{operation} {place}" for place in places if not REPEATED.search(place)}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("look", [sent, untold, strange, missing])
def test_what_differs_is_known_with_its_reason(document: Json, look: Any) -> None:
    found = look(document)
    rules = tomllib.loads(KNOWN.read_text())[look.__name__]
    assert all(reason for reason in rules.values())
    new = {place for place in found if not any(_fits(place, rule) for rule in rules)}
    assert sorted(new) == [], "in the SDK, and neither served nor listed with a reason"
    stale = {rule for rule in rules if not any(_fits(place, rule) for place in found)}
    assert sorted(stale) == [], "listed, and no difference any more"


def _fits(place: str, rule: str) -> bool:
    return fnmatchcase(place, rule.replace("[]", "[[]]"))


@pytest.mark.parametrize(("path", "params"), QUERIES)
def test_every_parameter_of_a_list_is_described(document: Json, path: str, params: Any) -> None:
    described = document["paths"][path]["get"]["parameters"]
    known = {each["name"].removesuffix("[]") for each in described if each["in"] == "query"}
    assert set(get_type_hints(params)) - HEADERS <= known


def test_the_walk_sees_what_one_side_lacks() -> None:
    ours = {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": {"$ref": "#/defs/one"}},
            "b": {"enum": ["x"]},
        },
        "required": ["a"],
        "defs": {"one": {"type": "object", "properties": {"type": {"const": "t"}}}},
    }
    one = {"type": "object", "properties": {"type": {"const": "t"}, "new": {"type": "string"}}}
    two = {"type": "object", "properties": {"type": {"const": "u"}}}
    theirs = {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": {"anyOf": [one, two]}},
            "b": {"enum": ["x", "y"]},
            "c": {},
        },
        "required": ["a", "b"],
    }
    assert lacks(Side(theirs), theirs, Side(ours), ours) == {"a[]<t>.new", "a[]<u>", "b=y", "c"}
    assert lacks(Side(ours), ours, Side(theirs), theirs) == set()
    assert set(optional(Side(theirs), theirs, Side(ours), ours)) == {"b"}
